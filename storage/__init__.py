"""One actor's bytes, and what makes them durable.

May know: files, SQLite, msgpack. Synchronous throughout, and without a clock: times are
arguments. (The catalog is the exception: read and written off the hot path, through
aiosqlite.) May not know: actors, loops, networks, configuration.
"""
