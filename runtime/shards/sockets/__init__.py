"""WebSockets whose connection is in one process and whose actor is in another.

``held_…`` is the side of the connection, in a router; ``linked_…`` the side of the actor, in a
worker. Neither imports the other; frames of ``link/kinds.py`` are what they have in common.
"""
