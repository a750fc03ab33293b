"""Programs that were written for something else: what they find here in place of it.

Knows the host and actors; nothing below this folder knows of it.
"""
