"""Several processes that serve as one: where actors live, the links between processes, who watches.

What lives here knows how actors are spread over worker processes and how the processes talk to
each other: placement, links, the supervisor, sockets that a router holds for actors elsewhere. It
may use actors, the host and the edge. What does not belong here: anything that one process does
by itself (``host`` for actors, ``edge`` and ``sockets`` for clients), machines (``cluster``), and
the wiring of a whole process, which the composition roots in ``runtime/`` do.
"""
