#!/bin/bash
# Start your WebSocket server in the background
bun /workspace/echo-server.ts &
