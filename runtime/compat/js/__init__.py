"""JavaScript's objects as Python code meets them on the platform: what the module ``js`` holds.

*To read*: ``proxies``, ``values``, ``buffers``; the others are one global name each, or a few
that belong together.
"""
