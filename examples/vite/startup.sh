# Run in /workspace before the first command of each boot; what it leaves in the background goes on.
vite >/tmp/vite.log 2>&1 &
