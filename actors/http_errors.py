"""What can be wrong with a request, a response, their headers and their bodies.

UsageError
├── InvalidUrl        (also TypeError)   not an absolute http, https, ws or wss URL
├── InvalidHeader     (also ValueError)  a name or value that may not travel
├── ImmutableHeaders  (also TypeError)   headers that came over the network
├── InvalidStatus     (also ValueError)  a status code that a response may not have
├── InvalidInit       (also TypeError)   a request or response that contradicts itself
├── BodyAlreadyUsed   (also OSError)     a body is read once
├── BodyTooLate       (also OSError)     a body is there until its request has been answered
└── InvalidBody       (also ValueError)  what came is not text, or not a form
    └── InvalidJson   (also json.JSONDecodeError)

``UnfitAnswer`` and ``FetchAborted`` (also OSError) stand apart: the one is the fault of whoever was
asked, the other of nobody.
"""

import json

from ..storage.errors import PerdureError, UsageError


class InvalidUrl(UsageError, TypeError):
    """Not a URL that can be asked for; nothing was sent.

    Attributes:
        url: What was given.
        hint: What would do.
    """

    def __init__(self, url: str, hint: str = "") -> None:
        self.url = url
        self.hint = hint
        super().__init__(url, hint)

    def __str__(self) -> str:
        text = f"Invalid URL: {self.url}"
        return f"{text} ({self.hint})" if self.hint else text


class InvalidHeader(UsageError, ValueError):
    """A header's name or value holds characters that may not travel.

    Attributes:
        name: The header's name.
        problem: What is wrong.
    """

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(name, problem)

    def __str__(self) -> str:
        return f"header {self.name!r}: {self.problem}"


class ImmutableHeaders(UsageError, TypeError):
    """The headers of a request or response that came over the network stay as they came."""

    def __str__(self) -> str:
        return (
            "these headers came over the network and cannot be changed; build your own with "
            "Headers(request.headers) and change those"
        )


class InvalidStatus(UsageError, ValueError):
    """A response may not have this status."""


class InvalidInit(UsageError, TypeError):
    """What a request or a response was to be made of does not fit together."""


class BodyAlreadyUsed(UsageError, OSError):
    """A body can be read once, and somebody has.

    An OSError because the Python Workers SDK raises one.

    Attributes:
        owner: "request" or "response".
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        super().__init__(owner)

    def __str__(self) -> str:
        return (
            f"Body already used: the body of this {self.owner} has been read or passed on; "
            "keep what you read, or call clone() before"
        )


class BodyTooLate(UsageError, OSError):
    """A request's body was read after the request had been answered; the rest of it is gone.

    Attributes:
        owner: "request".
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        super().__init__(owner)

    def __str__(self) -> str:
        return (
            "Can't read from request stream after response has been sent. "
            f"The body of this {self.owner} has to be read before"
        )


class InvalidBody(UsageError, ValueError):
    """The body that came is not what the code asked for.

    Attributes:
        owner: "request" or "response".
        problem: What is wrong with it.
    """

    def __init__(self, owner: str, problem: str) -> None:
        self.owner = owner
        self.problem = problem
        super().__init__(owner, problem)

    def __str__(self) -> str:
        return f"the body of this {self.owner} {self.problem}"


class InvalidJson(InvalidBody, json.JSONDecodeError):
    """The body is not JSON. Also a ``json.JSONDecodeError``, with its attributes.

    Attributes:
        doc: The text that was parsed.
        pos: Where in it parsing failed.
    """

    def __init__(self, owner: str, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        self.owner = owner
        self.problem = f"is not JSON: {msg} at line {self.lineno} column {self.colno}"
        self.args = (owner, msg, doc, pos)  # what it takes to build it again elsewhere

    def __reduce__(self) -> tuple[type["InvalidJson"], tuple[str, str, str, int]]:
        return InvalidJson, (self.owner, self.msg, self.doc, self.pos)


class FetchAborted(PerdureError, OSError):
    """The signal of a ``fetch`` has called it off, with a reason that is no exception.

    Attributes:
        reason: What the signal gave.
    """

    def __init__(self, reason: object = None) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        why = "" if self.reason is None else f": {self.reason}"
        return f"the fetch was called off by its signal{why}"


class UnfitAnswer(PerdureError, OSError):
    """A server answered ``fetch`` with a status that no response may have; it was not passed on.

    Attributes:
        url: What was asked for.
        status: What it said.
    """

    def __init__(self, url: str, status: int) -> None:
        self.url = url
        self.status = status
        super().__init__(url, status)

    def __str__(self) -> str:
        return f"fetch {self.url}: the server answered with status {self.status}, not 200 to 599"
