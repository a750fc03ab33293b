"""What can be asked of a sandbox, part by part; ``../sandbox.py`` is the whole."""
