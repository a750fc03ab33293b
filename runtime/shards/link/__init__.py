"""What joins two processes: frames over a stream socket, and what is carried by them.

From below: ``framing`` bytes <-> frames, ``fields`` and ``kinds`` what a frame may say and who may
say it, ``link`` one connection, ``opening`` how two processes begin one, ``begun`` what survives
the other process's death, ``streams`` bodies, ``messages`` requests and responses, ``calls``
events and their answers. Nothing here knows which process it is in, or starts one.
"""
