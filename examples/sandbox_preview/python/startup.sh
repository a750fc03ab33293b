#!/bin/bash
# Start your WebSocket server in the background
python3 /workspace/echo_server.py &
