"""Many actors: sockets, processes, time, configuration, user modules.

Floors, top to bottom (tests/test_layers.py holds them): the files here (``server`` is the
composition root), ``edge`` the HTTP and WebSocket front, ``host`` one process's actors,
``config``, ``observe``. aiohttp is known here and nowhere below.
"""
