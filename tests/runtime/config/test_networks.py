"""Sets of addresses."""

from ipaddress import ip_address

import pytest

from perdure.runtime.config.networks import Networks, _parse, network_of, parse_address


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1::9", "2001:db8::/32"),
        ("::1", "::1"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ("::ffff:a01:203", "10.0.0.0/8"),
        ("203.0.113.9", "::ffff:203.0.113.0/120"),
        ("fe80::1%eth0", "fe80::/10"),
        ("192.0.2.2", None),
        ("11.0.0.1", None),
        ("2001:db9::", None),
        ("", None),
        ("localhost", None),
        ("10.1.2.3.4", None),
        ("010.1.2.3", None),
    ],
)
def test_an_address_is_found_in_its_block(address: str, block: str | None) -> None:
    blocks = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "::ffff:203.0.113.0/120"]
    networks = Networks([*blocks, "fe80::/10"])
    assert networks.find(address) == block
    assert (address in networks) == (block is not None)


def test_everybody_can_be_meant() -> None:
    networks = Networks(["0.0.0.0/0", "::/0"])
    assert "1.2.3.4" in networks
    assert "2001:db8::1" in networks
    assert "" not in networks


def test_without_blocks_nobody_is_meant() -> None:
    assert not Networks()
    assert "127.0.0.1" not in Networks()
    assert Networks(["::1"])


@pytest.mark.parametrize("block", ["", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0/x"])
def test_what_is_no_block_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Networks([block])


def test_a_wide_block_of_ipv6_is_no_block_of_ipv4() -> None:
    assert network_of("::/0").version == 6
    assert "1.2.3.4" not in Networks(["::/0"])


def test_an_address_is_parsed_once_and_the_same_however_it_comes() -> None:
    assert parse_address("::ffff:1.2.3.4") == ip_address("1.2.3.4")
    assert parse_address("1.2.3.4 ") is None


def test_what_is_remembered_of_clients_is_short() -> None:
    _parse.cache_clear()
    for number in range(10):
        assert parse_address(f"{number}" * 60_000) is None
        assert f"{number}" * 60_000 not in Networks(["::/0"])
    assert _parse.cache_info().currsize == 0
