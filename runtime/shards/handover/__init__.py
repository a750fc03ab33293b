"""How a router hands its clients' connections to its successor (docs/decisions/0016).

What a connection is lies in runtime/sockets and runtime/shards/sockets; here is who gives what to
whom, and when.
"""
