"""One actor's bytes, and what makes them durable.

May know: files, SQLite, msgpack. Synchronous, and without a clock: times are arguments. (What
takes long and is off the hot path is awaited: the catalog, history, replacements.) May not know:
actors, loops, networks, configuration.
"""
