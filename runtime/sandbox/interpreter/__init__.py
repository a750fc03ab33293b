"""Code contexts: what runs code in a sandbox and remembers, and the way to it."""
