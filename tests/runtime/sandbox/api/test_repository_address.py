import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.api.repository_address import ADDRESS_SIZE_MAX, address_of
from perdure.runtime.sandbox.errors import SandboxGitError


@pytest.mark.parametrize(
    ("url", "needs_network", "name"),
    [
        ("https://github.com/org/project.git", True, "project"),
        ("https://github.com/org/project/", True, "project"),
        ("http://example.com:8080/a/b", True, "b"),
        ("https://example.com", True, "repository"),
        ("ssh://git@example.com:22/org/project.git", True, "project"),
        ("git@github.com:org/project.git", True, "project"),
        ("example.com:project", True, "project"),
        ("http://localhost:3000/a.git", False, "a"),
        ("http://127.0.0.1/a.git", False, "a"),
        ("http://[::1]:80/a.git", False, "a"),
        ("https://127.0.0.1.example.com/a", True, "a"),
        ("file:///workspace/a.git", False, "a"),
        ("/opt/mirrors/a.git", False, "a"),
        ("./a", False, "a"),
        ("../a b", False, "a b"),
        ("origin", False, "origin"),
        ("/", False, "repository"),
        ("/a/..", False, "repository"),
        ("/a/-b", False, "repository"),
    ],
)
def test_an_address_says_where_a_repository_is(url: str, needs_network: bool, name: str) -> None:
    address = address_of(url)
    assert (address.needs_network, address.name) == (needs_network, name)
    assert address.url == address.shown == url
    assert (address.path is None) is ("://" in url or "@" in url or url == "example.com:project")


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        5,
        "x" * (ADDRESS_SIZE_MAX + 1),
        "--upload-pack=touch /tmp/x",
        "-u",
        "ext::sh -c touch% /tmp/x",
        "fd::17/foo",
        "git::https://example.com",
        "ftp://example.com/a",
        "git://example.com/a",
        "javascript://example.com/a",
        "ssh://-oProxyCommand=touch/a",
        "ssh://-oProxyCommand=x@example.com/a",
        "-oProxyCommand=x:a",
        "git@-oProxyCommand=x:a",
        "https://example.com/a\nb",
        "https://exa mple.com/a",
        "https:///a",
        "https://example.com:port/a",
        "https://[::1/a",
        "file://example.com/a",
        "a:",
        ":a",
        "a b:c",
        "/a\0b",
    ],
)
def test_what_git_may_not_be_given_is_refused(url: str) -> None:
    with pytest.raises(SandboxGitError) as caught:
        address_of(url)
    assert caught.value.code == "INVALID_GIT_URL"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@example.com/a", "https://user:***@example.com/a"),
        ("https://secret@example.com/a", "https://***@example.com/a"),
        ("https://x:secret@example.com:80/a?b", "https://x:***@example.com:80/a?b"),
        ("ssh://git:secret@example.com/a", "ssh://git:***@example.com/a"),
        ("ssh://git@example.com/a", "ssh://git@example.com/a"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    address = address_of(url)
    assert address.url == url
    assert address.shown == shown
    said = address.without_secrets(f"fatal: cannot reach '{url}'")
    assert ("secret" in said) is ("secret" in shown)


@given(st.text(max_size=30))
def test_whatever_is_accepted_begins_with_no_option_and_names_a_folder(url: str) -> None:
    try:
        address = address_of(url)
    except SandboxGitError:
        return
    assert not address.url.startswith("-")
    assert "/" not in address.name
    assert address.name not in {"", ".", ".."}
    assert not address.name.startswith("-")
