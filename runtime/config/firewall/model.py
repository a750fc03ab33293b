"""The rules of the firewall as a configuration file declares them: frozen and checked.

What they mean for a request is the business of ``runtime/edge/firewall``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from ..positions import KeyPath

# A name to the patterns of its values, or whether it has to be there at all.
Fields = Mapping[str, Sequence[str] | bool]
NO_FIELDS: Fields = MappingProxyType({})


class Action(Enum):
    """What a rule does with the requests that it matches."""

    ALLOW = "allow"  # it may pass, and no further rule is asked
    DENY = "deny"  # it is answered, and no further rule is asked
    LIMIT = "limit"  # it is answered if there are too many; else the next rule is asked
    REQUIRE = "require"  # it is answered if it brings no proof; else the next rule is asked
    LOG = "log"  # it is told of, and the next rule is asked


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests are meant: those that fit all of it. Empty means that all do.

    Attributes:
        path: Globs.
        method: In capitals.
        host: Patterns, see ``HostPatterns``.
        address: Addresses and CIDR blocks that the client's lies in.
        origin: Patterns, see ``OriginPatterns``; a request without an origin fits none.
        upgrade: Whether it asks to become a WebSocket.
        header: By name.
        query: By name, as they are decoded.
    """

    path: Sequence[str] = ()
    method: Sequence[str] = ()
    host: Sequence[str] = ()
    address: Sequence[str] = ()
    origin: Sequence[str] = ()
    upgrade: bool | None = None
    header: Fields = field(default_factory=lambda: NO_FIELDS)
    query: Fields = field(default_factory=lambda: NO_FIELDS)

    @property
    def is_empty(self) -> bool:
        """Whether it fits every request."""
        return self == Match()


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is found; what it is stands nowhere in the configuration.

    Attributes:
        source: ``var``, ``env`` or ``file``.
        name: Of the variable, of the environment's, or the absolute path of the file.
        path: The key in the configuration that names it, for messages.
        line: Where that stands.
        column: The same.
    """

    source: str
    name: str
    path: KeyPath = ()
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        kinds = {"var": "the var", "env": "the environment variable", "file": "the file"}
        return f'{kinds[self.source]} "{self.name}"'


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` requests each ``period_s``, and ``burst`` at once after a pause."""

    count: int
    period_s: int
    burst: int

    def __str__(self) -> str:
        units = {1: "s", 60: "min", 3600: "h", 86_400: "d"}
        return f"{self.count}/{units[self.period_s]}"


@dataclass(frozen=True, slots=True)
class Per:
    """What is counted apart: ``address``, ``header``, ``cookie`` or ``everyone``.

    Attributes:
        kind: One of those.
        name: Of the header or the cookie.
    """

    kind: str = "address"
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is not too much.

    Attributes:
        rate: How often; None for as often as you like.
        connections: How many requests may be under way and WebSockets open at the same time;
            None for as many as you like.
        per: Whose requests are counted together.
    """

    rate: Rate | None
    connections: int | None
    per: Per = field(default_factory=Per)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request carries a token.

    Attributes:
        kind: ``bearer``, ``header``, ``cookie``, ``query`` or ``protocol``.
        name: Of the header, the cookie or the parameter; for ``protocol`` what stands before
            the token in a subprotocol's name. Empty for ``bearer``.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class JwtProof:
    """A JSON Web Token.

    Attributes:
        algorithms: Those that are accepted, all of one family.
        keys: Any one of them will do.
        places: The first that holds a token counts.
        audience: One of these has to be in ``aud``; empty for tokens without.
        issuer: One of these has to be ``iss``; empty for any.
        claims: What has to be in it.
        leeway_s: How far clocks may be apart.
    """

    algorithms: Sequence[str]
    keys: Sequence[Secret]
    places: Sequence[Place]
    audience: Sequence[str] = ()
    issuer: Sequence[str] = ()
    claims: Sequence[str] = ("exp",)
    leeway_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SignatureProof:
    """A signed URL: its last parameter is the signature of all that stands before it.

    Attributes:
        keys: Any one of them will do.
        signature: The parameter with the signature.
        expires: The parameter with the Unix time, in seconds, up to which it is good.
    """

    keys: Sequence[Secret]
    signature: str = "signature"
    expires: str = "expires"


@dataclass(frozen=True, slots=True)
class TokenProof:
    """A text that both sides know.

    Attributes:
        keys: Any one of them will do.
        places: The first that holds a token counts.
    """

    keys: Sequence[Secret]
    places: Sequence[Place]


Proof = JwtProof | SignatureProof | TokenProof


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """One ``[[perdure.firewall]]`` table.

    Attributes:
        name: What it is called in logs and counters; unique.
        action: What it does.
        match: Which requests it is for.
        unless: Which of those it is not for; None for no exception.
        is_shadow: It only tells what it would have done.
        status: The status of its answer, if it gives one.
        body: The text of its answer; empty for the usual one.
        limit: With LIMIT.
        proof: With REQUIRE.
        line: Where it stands.
    """

    name: str
    action: Action
    match: Match = field(default_factory=Match)
    unless: Match | None = None
    is_shadow: bool = False
    status: int = 403
    body: str = ""
    limit: Limit | None = None
    proof: Proof | None = None
    line: int | None = None

    @property
    def ends_everything(self) -> bool:
        """Whether no request gets past it to the rules behind it."""
        decides = self.action in {Action.ALLOW, Action.DENY} and not self.is_shadow
        return decides and self.match.is_empty and self.unless is None

    @property
    def secrets(self) -> Sequence[Secret]:
        """Those that have to be found before it can be used."""
        return () if self.proof is None else self.proof.keys
