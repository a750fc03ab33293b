"""Tokens and signed URLs."""

import hashlib
import hmac

import pytest

from perdure.runtime.config.firewall.model import Place, SignatureProof, TokenProof
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.requiring import (
    challenge,
    find_token,
    no_token,
    sign,
    signature_check,
    token_check,
)

from .heads import head

BEARER = (Place("bearer"),)
KEY = b"a key of sixteen"
SIGNED = SignatureProof(())


def signed(text: str, key: bytes = KEY) -> RequestHead:
    """As anybody would sign a URL, in any language."""
    digest = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    sign = "&" if "?" in text else "?"
    return head(f"GET {text}{sign}signature={digest}")


def why(asked: RequestHead, proof: SignatureProof = SIGNED, time_s: float = 1000.0) -> str | None:
    objection = signature_check(proof, [b"another key, which is old", KEY])(asked, time_s)
    return None if objection is None else objection.why


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        (["Authorization: Bearer one"], True),
        (["Authorization: bearer  two "], True),
        (["Authorization: Bearer three"], False),
        (["Authorization: Bearer one two"], False),
        (["Authorization: Basic one"], False),
        (["Authorization: Bearer"], False),
        (["Authorization: Bearer \udcff"], False),
        ([], False),
    ],
)
def test_a_token_is_one_of_those_that_are_known(headers: list[str], given: bool) -> None:
    check = token_check(TokenProof((), BEARER), [b"one", b"two"])
    objection = check(head("GET /", *headers), 0.0)
    assert (objection is None) == given


def test_an_objection_tells_how_to_do_better() -> None:
    check = token_check(TokenProof((), BEARER), [b"one"])
    missing, wrong = check(head(), 0.0), check(head("GET /", "Authorization: Bearer x"), 0.0)
    assert missing is not None
    assert wrong is not None
    assert (missing.why, missing.detail) == ("a token is required", "there is none in bearer")
    assert missing.headers == {"WWW-Authenticate": "Bearer"}
    assert wrong.why == "the token is not valid"
    assert wrong.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    assert no_token((Place("cookie", "a"),)).headers == {}
    assert challenge(BEARER, "invalid_token", "x")["WWW-Authenticate"].endswith(
        'invalid_token", error_description="x"'
    )


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        (Place("bearer"), head("GET /", "Authorization: Bearer t")),
        (Place("header", "X-Key"), head("GET /", "x-key: t")),
        (Place("cookie", "session"), head("GET /", "Cookie: a=b; session=t")),
        (Place("query", "token"), head("GET /?token=t")),
        (Place("protocol", "bearer."), head("GET /", "Sec-WebSocket-Protocol: chat, bearer.t")),
        (
            Place("protocol", "bearer."),
            head("GET /", "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: bearer.t"),
        ),
    ],
)
def test_a_token_is_found_in_its_place(place: Place, asked: RequestHead) -> None:
    assert find_token(asked, [place]) == "t"
    assert find_token(head(), [place]) is None


def test_the_first_place_with_a_token_counts() -> None:
    places = [Place("query", "a"), Place("query", "b"), Place("query", "c")]
    assert find_token(head("GET /?c=3&b=2&a="), places) == "2"


@pytest.mark.parametrize(
    "text",
    [
        "/file?expires=1000",
        "/file?expires=2000&name=x",
        "/file?a=%26&expires=1001",
        "/é%20?expires=1001",
    ],
)
def test_a_signed_url_is_good_until_it_expires(text: str) -> None:
    assert why(signed(text)) is None
    assert why(signed(text), time_s=3000.0) == "the URL has expired"


def test_a_whole_url_as_the_target_is_signed_by_its_path() -> None:
    asked = signed("/file?expires=1001")
    asked.target = f"http://a.example{asked.target}"
    assert why(asked) is None
    assert why(head("GET http://a.example")) == "the URL is not signed"


def test_every_byte_of_a_signed_url_counts() -> None:
    target = signed("/file?expires=1001&user=ann").target
    assert why(head(f"GET {target}")) is None
    for place, letter in enumerate(target):
        other = "0" if letter != "0" else "1"
        assert why(head(f"GET {target[:place]}{other}{target[place + 1 :]}")) is not None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (head("GET /file?expires=1001"), "the URL is not signed"),
        (head(f"GET /file?expires=1001&signature={'0' * 63}"), "the URL is not signed"),
        (head(f"GET /file?expires=1001&signature={'0' * 64}&a=1"), "the URL is not signed"),
        (
            head(f"GET /file?expires=1001&signature={'0' * 64}"),
            "the signature of the URL is not valid",
        ),
        (
            signed("/file?expires=1001", b"somebody else's key"),
            "the signature of the URL is not valid",
        ),
        (signed("/file"), 'the signed URL needs one parameter "expires"'),
        (signed("/file?expires=1001&expires=9"), 'the signed URL needs one parameter "expires"'),
        (signed("/file?expires=never"), 'the signed URL needs one parameter "expires"'),
        (signed("/file?expires=999"), "the URL has expired"),
    ],
)
def test_what_is_wrong_with_a_url_is_told(asked: RequestHead, expected: str) -> None:
    assert why(asked) == expected


def test_the_parameters_may_have_other_names() -> None:
    asked = signed("/file?until=1001")
    asked.target = asked.target.replace("signature=", "sig=")
    assert why(asked, SignatureProof((), "sig", "until")) is None
    assert why(asked) == "the URL is not signed"


def test_a_signature_is_an_hmac_with_sha_256() -> None:
    assert sign(b"text", KEY) == hmac.new(KEY, b"text", hashlib.sha256).hexdigest()


@pytest.mark.timeout(20)
def test_no_url_is_slow_to_look_at() -> None:
    for piece in ("?", "?a=", "&signature="):
        assert why(head(f"GET /{piece * 20_000}")) == "the URL is not signed"
