"""URLs at which the world sees what runs inside sandboxes: what they look like, and no more."""
