"""``ctx``, ``env`` and what hangs from them, as programs in Workers style see them.

Each view is a thin object over a native one, made once and kept.
"""
