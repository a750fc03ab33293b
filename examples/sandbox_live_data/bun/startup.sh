#!/bin/bash
bun /workspace/meter.ts &
