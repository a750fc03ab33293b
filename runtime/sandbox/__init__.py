"""Sandboxes: programs, files and ports that belong to an actor."""
