"""The parent of all processes: starts, watches, joins and ends them.

``supervisor`` keeps the wanted children, ``keeper`` one place among them, ``child`` is one process
as its supervisor sees it and ``parent`` the supervisor as its child does; ``control`` is what
joins the two. No user code is imported here and no client's socket held: what a child does is its
program's business.
"""
