#!/bin/bash
python3 /workspace/meter.py &
