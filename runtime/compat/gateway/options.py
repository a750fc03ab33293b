"""How an application is run."""

from dataclasses import dataclass
from typing import Literal, get_args

from ....storage.errors import UsageError

EncodeBody = Literal["automatic", "manual"]


@dataclass(frozen=True, slots=True)
class Options:
    """How an application is run.

    Attributes:
        encode_body: Who compresses bodies that say ``Content-Encoding``, for programs that were
            written for Workers: there, "automatic" has the platform do it. Here every body leaves
            as the application made it, so both say the same.

    Raises:
        UsageError: It is none of the two.
    """

    encode_body: EncodeBody = "automatic"

    def __post_init__(self) -> None:
        if self.encode_body not in get_args(EncodeBody):
            known = '"automatic" or "manual"'
            raise UsageError(f"encode_body is {known}, not {self.encode_body!r}")
