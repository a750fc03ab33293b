# Pure: the time is an argument.
"""Proofs that a request may pass: tokens that both sides know, and signed URLs.

Promise:
    Secrets are compared in constant time, and stand in no message. JSON Web Tokens are in
    ``web_tokens``, the one file that loads PyJWT.
"""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ...config.firewall.model import Place, SignatureProof, TokenProof
from .head import RequestHead

_NOTHING: Mapping[str, str] = MappingProxyType({})
_SIGNED = re.compile(r"(?P<signed>.*)[?&](?P<name>[^=&?#]*)=(?P<hex>[0-9a-fA-F]{64})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a request does not pass.

    Attributes:
        why: In words that its client may read.
        detail: What only the operator should read; empty for no more than that.
        headers: Of the answer.
    """

    why: str
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


Check = Callable[[RequestHead, float], Objection | None]


def token_check(proof: TokenProof, keys: Sequence[bytes]) -> Check:
    """Return what tells whether a request brings one of ``keys``."""

    def check(head: RequestHead, _: float) -> Objection | None:
        token = find_token(head, proof.places)
        if token is None:
            return no_token(proof.places)
        given = token.encode("utf-8", "surrogateescape")
        if _is_one_of(given, keys):
            return None
        return Objection("the token is not valid", headers=challenge(proof.places, "invalid_token"))

    return check


def signature_check(proof: SignatureProof, keys: Sequence[bytes]) -> Check:
    """Return what tells whether the URL of a request was signed with one of ``keys``, and is good.

    The signature is the HMAC with SHA-256, in hexadecimal, of path and query as they are sent, up
    to the "?" or "&" in front of the parameter with the signature, which is the last one.
    """
    expiry = re.compile(rf"[?&]{re.escape(proof.expires)}=([0-9]{{1,15}})(?=&|\Z)")

    def check(head: RequestHead, time_s: float) -> Objection | None:
        found = _SIGNED.fullmatch(_path_and_query(head.target))
        if found is None or found["name"] != proof.signature:
            detail = f'its last parameter is not "{proof.signature}" with 64 hexadecimal digits'
            return Objection("the URL is not signed", detail)
        signed = found["signed"].encode("utf-8", "surrogateescape")
        given = found["hex"].lower().encode()
        if not _is_one_of(given, [sign(signed, key).encode() for key in keys]):
            return Objection("the signature of the URL is not valid")
        times = expiry.findall(found["signed"])
        if len(times) != 1:
            return Objection(f'the signed URL needs one parameter "{proof.expires}"')
        if int(times[0]) < time_s:
            return Objection("the URL has expired")
        return None

    return check


def sign(signed: bytes, key: bytes) -> str:
    """The signature of the beginning of a URL."""
    return hmac.digest(key, signed, "sha256").hex()


def find_token(head: RequestHead, places: Sequence[Place]) -> str | None:
    """The token in the first of ``places`` that has one; None if none has."""
    for place in places:
        for token in _tokens_at(head, place):
            if token:
                return token
    return None


def no_token(places: Sequence[Place]) -> Objection:
    """The objection to a request without any token."""
    detail = f"there is none in {', '.join(map(str, places))}"
    return Objection("a token is required", detail, challenge(places))


def challenge(places: Sequence[Place], error: str = "", why: str = "") -> Mapping[str, str]:
    """The header that tells where a token belongs (RFC 6750), if a header is the place."""
    if not any(place.kind == "bearer" for place in places):
        return _NOTHING
    text = f'Bearer error="{error}"' if error else "Bearer"
    return {"WWW-Authenticate": f'{text}, error_description="{why}"' if why else text}


def _is_one_of(given: bytes, secrets: Sequence[bytes]) -> bool:
    """Compare with all of them, so that the time does not tell which one was nearly right."""
    is_equal = False
    for secret in secrets:
        is_equal |= hmac.compare_digest(given, secret)
    return is_equal


def _tokens_at(head: RequestHead, place: Place) -> Sequence[str]:
    if place.kind == "bearer":
        fields = head.headers.getall("Authorization", ())
        parts = [field.partition(" ") for field in fields]
        return [token.strip() for scheme, _, token in parts if scheme.lower() == "bearer"]
    if place.kind == "header":
        return head.headers.getall(place.name, ())
    if place.kind == "cookie":
        return head.cookies.get(place.name, ())
    if place.kind == "query":
        return head.query.getall(place.name, ())
    offered = ",".join(head.headers.getall("Sec-WebSocket-Protocol", ())).split(",")
    names = [name.strip() for name in offered]
    return [name.removeprefix(place.name) for name in names if name.startswith(place.name)]


def _path_and_query(target: str) -> str:
    """What follows the host in a whole URL; the target itself if it is none."""
    if target.startswith("/") or "://" not in target:
        return target
    slash = target.find("/", target.index("://") + 3)
    return target[slash:] if slash >= 0 else "/"
