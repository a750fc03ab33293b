# Pure: a head, and what rules said of it.
"""Which pages may open WebSockets here.

Browsers let the pages of any site open a WebSocket to any server, and send along the cookies of
that server's users; only the server can refuse, by the ``Origin`` that the browser tells. So the
pages of other sites are refused unless the configuration names them. Clients that are no browsers
send no origin, and have no cookies of others to misuse.
"""

from collections.abc import Sequence

from ...config.origins import OriginPatterns, is_same_host, parse_origin
from .head import RequestHead
from .rules import Judgement

# Of an origin in an answer and in a log; a real one is shorter.
SHOWN_CHARACTERS_MAX = 200


class OriginCheck:
    """Refuses upgrades that pages of other sites ask for.

    Args:
        allowed: Patterns of the origins, besides the server's own, that may.
    """

    __slots__ = ("_allowed",)

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = OriginPatterns(allowed)

    def refused_origin(self, head: RequestHead, judgement: Judgement) -> str | None:
        """The origin that may not; None if the request may pass.

        A rule that allows the request and says for which origins has decided it already.
        """
        values = head.headers.getall("Origin", ())
        if not head.is_upgrade or not values:
            return None
        if judgement.allowed_by is not None and judgement.allowed_by.names_origin:
            return None
        if len(values) == 1 and self.lets_pass(values[0], head.host):
            return None
        return ", ".join(values)[:SHOWN_CHARACTERS_MAX]

    def lets_pass(self, text: str, host: str) -> bool:
        """Whether pages of an origin may open WebSockets to a host."""
        origin = parse_origin(text)
        if origin is not None and is_same_host(origin, host):
            return True
        return self._allowed.matches(text)


def refusal_text(origin: str) -> str:
    """What the client is told, who is often the developer of that page."""
    return (
        f"Forbidden: pages of {origin} may not open WebSockets here.\n"
        "If they should, name that origin in the configuration:\n\n"
        f'[perdure]\nallowed_origins = ["{origin}"]'
    )
