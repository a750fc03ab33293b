"""Addresses of clients, in the one form in which they are written here."""

import pytest

from perdure.runtime.edge.client_address import address_of, normal_address


@pytest.mark.parametrize(("text", "normal"), [("::1", "::1"), ("0:0::1", "::1"), ("x", "")])
def test_an_address_is_written_in_one_way(text: str, normal: str) -> None:
    assert normal_address(text) == normal


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:5000", "203.0.113.7"),
        ("[2001:db9::7]:5000", "2001:db9::7"),
        ("[2001:db9::7]", "2001:db9::7"),
        ("2001:DB9:0::7", "2001:db9::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", ""),
        ("_hidden:5000", ""),
        ("", ""),
        ("[", ""),
    ],
)
def test_what_a_proxy_wrote_may_have_a_port(text: str, address: str) -> None:
    assert address_of(text) == address
