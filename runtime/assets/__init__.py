"""Files that are served in front of a Worker, and to it (0021)."""
