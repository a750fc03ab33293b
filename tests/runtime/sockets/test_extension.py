"""Offers of permessage-deflate and their answers (RFC 7692, section 7.1)."""

import pytest

from perdure.runtime.sockets.extension import (
    OFFER,
    Agreed,
    BadExtensions,
    check_answer,
    choose,
    read_extensions,
)

PLAIN = Agreed(15, OFFER)


def test_extensions_are_a_list_over_all_headers_with_parameters() -> None:
    read = read_extensions(['a; b = 1;c, d;e="f"', "", " , g ,"])
    assert read == [("a", [("b", "1"), ("c", None)]), ("d", [("e", "f")]), ("g", [])]


@pytest.mark.parametrize(
    "value", ["a b", "a;", "a; =1", 'a; b="', "a; b=", ";a", "\n", "a\n", 'a; b="c d"', "ü"]
)
def test_what_is_no_list_of_extensions_is_refused(value: str) -> None:
    with pytest.raises(BadExtensions, match="cannot be read from"):
        read_extensions([value])


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("Permessage-Deflate2", None),
        ("permessage-deflate", PLAIN),
        ("permessage-deflate; client_max_window_bits", PLAIN),
        ("permessage-deflate; client_max_window_bits=8", PLAIN),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", PLAIN),
        ("permessage-deflate; server_max_window_bits=15", Agreed(15, f"{OFFER}; server_max_window_bits=15")),
        ('permessage-deflate; server_max_window_bits="9"', Agreed(9, f"{OFFER}; server_max_window_bits=9")),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=7", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        ("permessage-deflate; server_max_window_bits=+9", None),
        ("permessage-deflate; client_max_window_bits=16", None),
        ("permessage-deflate; client_max_window_bits=08", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover=true", None),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        ("permessage-deflate; unknown, permessage-deflate", PLAIN),
        ("other, permessage-deflate; server_max_window_bits=8, permessage-deflate", PLAIN),
    ],
)  # fmt: skip
def test_the_first_offer_that_can_be_met_is_taken(offer: str, agreed: Agreed | None) -> None:
    assert choose([offer]) == agreed
    assert choose([]) is None
    assert choose(["other", offer]) == agreed


@pytest.mark.parametrize(
    "answer",
    [OFFER, "permessage-deflate; server_no_context_takeover", f"{OFFER}; server_max_window_bits=8"],
)
def test_an_answer_within_the_offer_is_agreed_on(answer: str) -> None:
    assert check_answer([answer]) == Agreed(15, answer)


def test_a_server_may_decline() -> None:
    assert check_answer([]) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("other", "an extension that it was not offered: other"),
        (f"{OFFER}, {OFFER}", "an extension that it was not offered"),
        ("permessage-deflate", "does not grant server_no_context_takeover"),
        (f"{OFFER}; client_max_window_bits=15", "what may not be answered"),
        (f"{OFFER}; server_max_window_bits", "what may not be answered"),
        (f"{OFFER}; server_max_window_bits=16", "what may not be answered"),
        (f"{OFFER}; unknown", "what may not be answered"),
        (f"{OFFER}; server_no_context_takeover", "what may not be answered"),
        ("permessage-deflate;", "cannot be read"),
    ],
)
def test_an_answer_that_may_not_be_given_is_refused(answer: str, why: str) -> None:
    with pytest.raises(BadExtensions, match=why):
        check_answer([answer])
