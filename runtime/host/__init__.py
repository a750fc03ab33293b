"""One process's actors: which are live, what they are bound to, their alarms, user modules.

Knows actors and storage, and no network: requests arrive as ``Request``, from ``edge`` or
from a test.
"""
