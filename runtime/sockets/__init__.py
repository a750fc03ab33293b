"""The client's side of WebSockets: frames, handshake of the end, queue, limits.

Nothing here runs user code or knows actors: a process that holds connections and no actors runs
the same objects. What leads to the actor is whoever is set as a socket's receiver.
"""
