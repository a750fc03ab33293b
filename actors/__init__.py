"""The public names: the vocabulary of perdure.

May know: one actor's storage, asyncio's futures and tasks. May not know: networks, processes,
configuration.
"""

from .form import File
from .headers import Headers
from .http import Request, Response

__all__ = [
    "File",
    "Headers",
    "Request",
    "Response",
]
