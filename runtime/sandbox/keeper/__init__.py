"""What owns a sandbox from outside: its processes, their output, its ports and its end."""
