import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perdure.runtime.sandbox.errors import SandboxError
from perdure.runtime.sandbox.preview.address import (
    LABEL_SIZE_MAX,
    NAME_SIZE_MAX,
    PreviewAddress,
    address_of,
    check_name,
    is_local,
)
from perdure.runtime.sandbox.preview.forwarding import host_of

PORTS = st.integers(1024, 65_535).filter(lambda port: port != 3000)
TOKENS = st.text(string.ascii_lowercase + string.digits + "_", min_size=1, max_size=16)
ENDS = st.sampled_from(string.ascii_lowercase + string.digits + "_")
MIDDLES = st.text(string.ascii_lowercase + string.digits + "-_", max_size=NAME_SIZE_MAX - 2)
NAMES = ENDS | st.builds(lambda first, middle, last: first + middle + last, ENDS, MIDDLES, ENDS)
ADDRESSES = st.builds(PreviewAddress, PORTS, NAMES, TOKENS)
HOSTNAMES = st.sampled_from(
    ["localhost", "localhost:8787", "example.com", "a.b-c.example:444", "apps.localhost:1"]
)


@given(ADDRESSES, HOSTNAMES)
def test_what_was_made_is_found_again(address: PreviewAddress, hostname: str) -> None:
    assert len(address.label) <= LABEL_SIZE_MAX
    host = host_of(address.url(hostname) + "/path?q=//x")
    assert host == f"{address.label}.{hostname}"
    assert address_of(host) == address
    assert address_of(host.upper()) == address


@given(st.text() | st.from_regex(r"[0-9]{3,6}-[a-zA-Z0-9_-]*-[\w-]*\.\w*"))
@example("8080-a-b")
@example("8080-a-b.")
@example("8080-\u212a-b.localhost")
def test_what_is_not_ours_is_not_taken_for_it(host: str) -> None:
    address = address_of(host)
    if address is not None:
        assert host.lower().startswith(f"{address.label}.")
        assert host.isascii()
        assert PreviewAddress(address.port, address.name, address.token) == address


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:8787",
        "8080-name-token",
        "8080-name-token.",
        ".8080-name-token.localhost",
        "8080-name-token..localhost",
        "8080-name-token.localhost.",
        "x8080-name-token.localhost",
        "08080-name-token.localhost",
        "+8080-name-token.localhost",
        "8_080-name-token.localhost",
        "1023-name-token.localhost",
        "80-name-token.localhost",
        "3000-name-token.localhost",
        "65536-name-token.localhost",
        "99999-name-token.localhost",
        "8080--token.localhost",
        "8080-name-.localhost",
        "8080--name-token.localhost",
        "8080-name--token.localhost",
        "8080-name-abcdefghijklmnopq.localhost",
        "8080-name.token.localhost",
        "8080-name-token@localhost",
        "user@8080-name-token.localhost",
        "8080-name-token.localhost:8787:1",
        "8080-name-token.localhost:",
        "8080%2Dname-token.localhost",
        "8080-name-token%2elocalhost",
        "8080-name-token.local host",
        "8080-n\u00e4me-token.localhost",
        "\uff18080-name-token.localhost",
        "8080-name-to\u212aen.localhost",
        "8080-name-token.localhost\n",
        "[8080-name-token.localhost]",
        f"8080-{'a' * 41}-{'b' * 16}.localhost",
        f"8080-{'a' * 60}-b.localhost",
    ],
)
def test_these_are_not_ours(host: str) -> None:
    assert address_of(host) is None


@pytest.mark.parametrize(
    "name",
    ["", "a" * 41, "Name", "-name", "name-", "na.me", "na me", "n\u00e4me", "na/me", "a\n", None],
)
def test_a_name_that_cannot_stand_in_a_host_is_refused_with_the_reason(name: object) -> None:
    with pytest.raises(SandboxError, match=r"at most 63 characters .* 1 to 40") as caught:
        check_name(name)
    assert caught.value.code == "INVALID_SANDBOX_ID"


def test_the_longest_name_has_room() -> None:
    address = PreviewAddress(65_535, "a" * NAME_SIZE_MAX, "t" * 16)
    assert NAME_SIZE_MAX == 40
    assert len(address.label) == 63


@pytest.mark.parametrize(
    ("hostname", "url"),
    [
        ("localhost", "http://8080-id-t.localhost"),
        ("LocalHost:8787", "http://8080-id-t.localhost:8787"),
        ("127.0.0.1:8787", "http://8080-id-t.localhost:8787"),
        ("[::1]:8787", "http://8080-id-t.localhost:8787"),
        ("[::1]", "http://8080-id-t.localhost"),
        ("0.0.0.0:80", "http://8080-id-t.localhost:80"),
        ("apps.localhost:8787", "http://8080-id-t.apps.localhost:8787"),
        ("example.com", "https://8080-id-t.example.com"),
        ("example.com:8443", "https://8080-id-t.example.com:8443"),
        ("notlocalhost", "https://8080-id-t.notlocalhost"),
    ],
)
def test_a_url_is_as_its_hostname_needs_it(hostname: str, url: str) -> None:
    assert PreviewAddress(8080, "id", "t").url(hostname) == url


@pytest.mark.parametrize(
    "hostname",
    [
        "",
        "https://example.com",
        "example.com/path",
        "exam ple.com",
        "a b.localhost",
        "x@localhost",
        "example.com:",
        "example.com:http",
        "example.com:0",
        "example.com:65536",
        "example.com:\u0663",
        "192.168.0.7",
        "[2001:db8::1]",
        "example.com\r\nX: y",
        ".example.com",
        "x\n.localhost",
        None,
        8787,
    ],
)
def test_what_has_no_names_below_it_is_refused(hostname: str) -> None:
    with pytest.raises(SandboxError, match="no name below which") as caught:
        PreviewAddress(8080, "id", "t").url(hostname)
    assert caught.value.code == "VALIDATION_FAILED"


def test_names_below_workers_dev_lead_nowhere() -> None:
    with pytest.raises(SandboxError, match="a domain of your own") as caught:
        PreviewAddress(8080, "id", "t").url("me.workers.dev")
    assert caught.value.code == "CUSTOM_DOMAIN_REQUIRED"


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.9.9.9", "::1", "[::1]"])
def test_these_are_this_machine(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    ["", "example.com", "evillocalhost", "localhost.example.com", "8.8.8.8", "x y.localhost"],
)
def test_these_are_not_this_machine(host: str) -> None:
    assert not is_local(host)
