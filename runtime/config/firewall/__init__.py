"""``[[perdure.firewall]]``: the rules as written, checked.

``model`` has the values, ``rules``, ``matches`` and ``actions`` read them, ``globs`` has the
patterns, ``secrets`` finds what must not stand in the file.
"""
