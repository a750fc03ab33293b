"""What the operator can do with the actors of a data directory, one kind of thing a file.

Each operation works on a ``House``: the directory of a running server, or one that was opened
for the operator alone. It is a coroutine that takes its arguments, tells its progress, and
returns plain values; who asked may sit in another process (runtime/control).
"""
