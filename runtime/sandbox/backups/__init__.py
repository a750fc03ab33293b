"""Backups of sandboxes' folders, as they lie outside. Nothing here looks into them."""
