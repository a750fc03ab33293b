"""What the commit logs held before their segments were used again: any state of any actor.

May know: the log's format, files, SQLite. May not know: open databases, actors, loops.
"""
