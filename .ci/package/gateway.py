"""Web applications of the two usual Python interfaces as a Worker: ``asgi`` and ``wsgi``."""

from .runtime.compat.gateway import asgi, wsgi

__all__ = ["asgi", "wsgi"]
