"""Names of types that programs annotate with; none of them is made by calling it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypedDict

__all__ = [
    "BlobEnding",
    "BlobValue",
    "Body",
    "Context",
    "FetchKwargs",
    "FormDataValue",
    "Headers",
    "JSBody",
    "RequestInitCfProperties",
]


class BlobEnding(StrEnum):
    """What becomes of line endings in a Blob."""

    TRANSPARENT = "transparent"
    NATIVE = "native"


Context = Any
Headers = Mapping[str, str] | Sequence[tuple[str, str]]
JSBody = Any
Body = str | bytes | JSBody
BlobValue = str | bytes | JSBody
FormDataValue = str | bytes | JSBody
RequestInitCfProperties = Mapping[str, Any]


class FetchKwargs(TypedDict, total=False):
    """What ``fetch`` takes besides the resource."""

    headers: Headers | None
    body: Body | None
    method: str
    redirect: str | None
    cf: RequestInitCfProperties | None
    signal: Any
    fetcher: Any
