"""JSON Web Tokens, through PyJWT; the only file that loads it, which takes 0.1 s.

Promise:
    Only the algorithms that the rule names are tried, whatever a token says of itself, and
    never ``none``.
"""

import json
from collections.abc import Sequence
from typing import Any

import jwt
from jwt.algorithms import get_default_algorithms

from ...config.firewall.model import JwtProof
from .head import RequestHead
from .requiring import Check, Objection, challenge, find_token, no_token

# In this order: the first are special cases of what follows.
_WHY = (
    (jwt.ExpiredSignatureError, "the token has expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidAudienceError, "the token is for somebody else"),
    (jwt.InvalidIssuerError, "the token is from somebody else"),
    (jwt.MissingRequiredClaimError, "the token lacks a claim"),
)


class KeyRefused(ValueError):
    """A key cannot be used with the algorithms of its rule.

    Attributes:
        number: Which one of the keys, from 0.
    """

    def __init__(self, number: int, why: str) -> None:
        self.number = number
        super().__init__(why)


def web_token_check(proof: JwtProof, keys: Sequence[bytes]) -> Check:
    """Return what tells whether a request brings a token that holds.

    Raises:
        KeyRefused: One of ``keys`` is of no use.
    """
    prepared = [
        one for number, key in enumerate(keys) for one in _prepared(proof.algorithms, number, key)
    ]

    def check(head: RequestHead, _: float) -> Objection | None:
        token = find_token(head, proof.places)
        if token is None:
            return no_token(proof.places)
        error: Exception | None = None
        for key in prepared:
            try:
                _decode(token, key, proof)
            except Exception as refused:  # a token that breaks its reader does not hold either
                # What another key says tells more than that this one did not fit.
                if error is None or type(error) is jwt.InvalidSignatureError:
                    error = refused
            else:
                return None
        return _objection(proof, error)

    return check


def _decode(token: str, key: Any, proof: JwtProof) -> None:
    options: Any = {"require": list(proof.claims), "verify_aud": bool(proof.audience)}
    jwt.decode(
        token,
        key,
        algorithms=list(proof.algorithms),
        audience=list(proof.audience) or None,
        issuer=list(proof.issuer) or None,
        leeway=proof.leeway_s,
        options=options,
    )


def _objection(proof: JwtProof, error: Exception | None) -> Objection:
    why = next((text for kind, text in _WHY if isinstance(error, kind)), "the token is not valid")
    return Objection(why, str(error), challenge(proof.places, "invalid_token", why))


def _prepared(algorithms: Sequence[str], number: int, key: bytes) -> Sequence[Any]:
    """The key as PyJWT wants it: text as it is, PEM, or the keys of a JWK or a JWK set."""
    try:
        if key.startswith(b"{") and not algorithms[0].startswith("HS"):
            return _of_json(json.loads(key))
        known = get_default_algorithms()
        return [known[algorithms[0]].prepare_key(key)]
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        names = " or ".join(algorithms)
        raise KeyRefused(number, f"is no key for {names}: {error}") from None


def _of_json(value: Any) -> Sequence[Any]:
    if "keys" not in value:
        return [jwt.PyJWK.from_dict(value).key]
    return [one.key for one in jwt.PyJWKSet.from_dict(value).keys]
