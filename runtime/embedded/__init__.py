"""A perdure program inside somebody else's server: one of ASGI, or an application of aiohttp.

Everything runs in that process and on its loop: the inline shape. The server has the port, TLS and
the frames of WebSockets; what passes is decided by perdure's own firewall, and nothing leaves
before it is durable, as everywhere. On top of ``runtime/server.py``.
"""
