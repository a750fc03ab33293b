"""What a project's configuration file says, checked.

Here: reading ``wrangler.toml``, ``.json`` and ``.jsonc`` with positions, wrangler's inheritance,
every check that needs nothing but the text of the file and of ``.dev.vars`` beside it, and the
frozen values the rest of perdure works with. Not here: importing user code
(``runtime/host/loader.py``), what lies in a data directory (``runtime/host/migrations.py``),
terminals, sockets.

Nothing in this folder starts anything or writes to disk.
"""
