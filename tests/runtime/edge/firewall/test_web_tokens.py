"""JSON Web Tokens."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from perdure.runtime.config.firewall.model import JwtProof, Place
from perdure.runtime.edge.firewall.requiring import Objection
from perdure.runtime.edge.firewall.web_tokens import KeyRefused, web_token_check

from .heads import head

KEY = b"a secret that is long enough for every hash there is, SHA-512 too"
OLD = b"another secret of more than thirty-two bytes"
HS = JwtProof(("HS256",), (), (Place("bearer"),))


def claims(**others: Any) -> dict[str, Any]:
    return {"sub": "ann", "exp": int(time.time()) + 1000, **others}


def token(key: Any = KEY, algorithm: str = "HS256", **others: Any) -> str:
    return jwt.encode(claims(**others), key, algorithm=algorithm)


def ask(text: str, proof: JwtProof = HS, *keys: bytes) -> Objection | None:
    check = web_token_check(proof, keys or [OLD, KEY])
    return check(head("GET /", f"Authorization: Bearer {text}"), 0.0)


def why(text: str, proof: JwtProof = HS, *keys: bytes) -> str | None:
    objection = ask(text, proof, *keys)
    return None if objection is None else objection.why


def pair() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


def test_a_token_with_one_of_the_keys_holds() -> None:
    assert why(forged("HS256", KEY, "sha256")) is None
    assert why(token(KEY)) is None
    assert why(token(OLD)) is None


def forged(algorithm: str, key: bytes = b"", hash_name: str = "") -> str:
    """A token made by hand, since PyJWT would not make it; without a key nobody signs it."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    parts = [{"alg": algorithm, "typ": "JWT"}, claims()]
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    digest = hmac.digest(key, text.encode(), hash_name) if key else b""
    return f"{text}.{encoded(digest)}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token(exp=1), "the token has expired"),
        (token(OLD, exp=1), "the token has expired"),
        (token(nbf=int(time.time()) + 1000), "the token is not valid yet"),
        (token(b"the secret of somebody else, who is no friend"), "the token is not valid"),
        (forged("HS384", KEY, "sha384"), "the token is not valid"),
        (forged("HS256", KEY, "sha512"), "the token is not valid"),
        (jwt.encode({"sub": "ann"}, KEY), "the token lacks a claim"),
        (forged("none"), "the token is not valid"),
        (forged("HS256"), "the token is not valid"),
        (token()[:-4], "the token is not valid"),
        (token()[:-1] + "=", "the token is not valid"),
        ("x", "the token is not valid"),
        ("a.b.c", "the token is not valid"),
        ("\udcff", "the token is not valid"),
        (token(exp="soon"), "the token is not valid"),
        (token(exp=[]), "the token is not valid"),
        (token(exp=1e400), "the token is not valid"),
    ],
    ids=lambda value: value if " " in value else "token",  # tokens differ from run to run
)
def test_what_is_wrong_with_a_token_is_told(text: str, expected: str) -> None:
    assert why(text) == expected


def test_a_token_that_breaks_its_reader_does_not_hold() -> None:
    deep = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 30_000).decode()
    assert why(f"{deep}.{deep}.x") == "the token is not valid"


def test_the_client_is_told_and_the_operator_more() -> None:
    objection = ask(token(exp=1))
    assert objection is not None
    assert objection.detail == "Signature has expired"
    assert objection.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="the token has expired"'
    )
    missing = web_token_check(HS, [KEY])(head(), 0.0)
    assert missing is not None
    assert missing.why == "a token is required"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"aud": "chat", "iss": "a"}, None),
        ({"aud": ["mail", "chat"], "iss": "b"}, None),
        ({"aud": "mail", "iss": "a"}, "the token is for somebody else"),
        ({"iss": "a"}, "the token lacks a claim"),
        ({"aud": "chat", "iss": "c"}, "the token is from somebody else"),
        ({"aud": "chat"}, "the token lacks a claim"),
    ],
)
def test_audience_and_issuer(given: dict[str, Any], expected: str | None) -> None:
    proof = JwtProof(("HS256",), (), HS.places, audience=("chat",), issuer=("a", "b"))
    assert why(token(**given), proof) == expected
    assert why(token(**given)) is None, "who does not ask is told nothing"


def test_claims_and_leeway() -> None:
    proof = JwtProof(("HS256",), (), HS.places, claims=("sub", "role"), leeway_s=1e9 * 3)
    assert why(token(exp=1, role="x"), proof) is None
    assert why(token(), proof) == "the token lacks a claim"


def test_public_keys_come_as_pem_and_as_json() -> None:
    private, public = pair()
    proof = JwtProof(("ES256",), (), HS.places)
    text = token(private, "ES256")
    as_json = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    assert why(text, proof, public) is None
    assert why(text, proof, json.dumps(as_json).encode()) is None
    assert why(text, proof, json.dumps({"keys": [as_json]}).encode()) is None
    assert why(text, proof, pair()[1]) == "the token is not valid"


def test_a_public_key_is_no_secret() -> None:
    """The well-known confusion: a token signed by HMAC with the text of the public key."""
    _, public = pair()
    text = forged("HS256", public.strip(), "sha256")
    assert why(text, JwtProof(("ES256",), (), HS.places), public) == "the token is not valid"
    with pytest.raises(KeyRefused, match="is no key for HS256"):
        web_token_check(HS, [KEY, public])


@pytest.mark.parametrize("key", [b"no key", b"{}", b'{"keys": []}', b"{", b"[]", b'{"kty": "EC"}'])
def test_a_key_that_is_none_is_refused(key: bytes) -> None:
    with pytest.raises(KeyRefused, match="is no key for ES256 or ES384: ") as refused:
        web_token_check(JwtProof(("ES256", "ES384"), (), HS.places), [pair()[1], key])
    assert refused.value.number == 1
