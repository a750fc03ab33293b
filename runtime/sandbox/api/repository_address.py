# Pure: text to values.
"""Where a git repository is, as programs write it."""

import posixpath
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import SandboxGitError

ADDRESS_SIZE_MAX: Final = 4096
SCHEMES: Final = ("https", "http", "ssh", "file")
# git@host:path; a host never begins with '-', which ssh would take for an option.
_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9_][\w.+-]*)@)?(?P<host>[A-Za-z0-9_][\w.-]*):(?P<path>.+)")
_HELPER = re.compile(r"[A-Za-z0-9][\w+.-]*::")
_HOST = re.compile(r"[A-Za-z0-9_][\w.-]*|[0-9A-Fa-f:.]+")
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1|.*\.localhost")
_OTHERWISE: Final = "repository"
_WHAT: Final = "https://, http://, ssh://, file://, git@host:path, or a path inside the sandbox"


@dataclass(frozen=True, slots=True)
class RepositoryAddress:
    """A checked address.

    Attributes:
        url: What git is told.
        shown: The same without a password, for results and messages.
        needs_network: It is on another machine.
        path: Of one inside the sandbox that is no URL.
        folder: Of one inside the sandbox.
        name: What the folder is called that it is checked out to.
        secrets: What is not to be shown.
    """

    url: str
    shown: str
    needs_network: bool
    path: str | None
    name: str
    folder: str | None = None
    secrets: tuple[str, ...] = ()

    def without_secrets(self, text: str) -> str:
        """What git says, as it can be shown."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def address_of(url: str) -> RepositoryAddress:
    """Check an address.

    Raises:
        SandboxGitError: It is none that git may be given.
    """
    if not isinstance(url, str) or not url or len(url) > ADDRESS_SIZE_MAX:
        raise _invalid(f"an address is text of 1 to {ADDRESS_SIZE_MAX} characters")
    if any(ord(character) < ord(" ") or character == "\x7f" for character in url):
        raise _invalid("it has control characters")
    if url.startswith("-"):
        raise _invalid("it begins with '-', which git would take for an option", url)
    if _HELPER.match(url):
        raise _invalid("'::' would have git run a program of that name", url)
    if "://" in url:
        return _of_url(url)
    if url.startswith(("/", "./", "../")) or ":" not in url:
        name = _name_of(url)
        return RepositoryAddress(url, url, needs_network=False, path=url, name=name, folder=url)
    found = _SCP.fullmatch(url)
    if found is None:
        raise _invalid(f"it is none of {_WHAT}", url)
    return RepositoryAddress(url, url, needs_network=True, path=None, name=_name_of(found["path"]))


def _of_url(url: str) -> RepositoryAddress:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _invalid(str(error)) from None
    if parts.scheme not in SCHEMES:
        raise _invalid(f"it is none of {_WHAT}", f"{parts.scheme}://...")
    name = _name_of(parts.path)
    if parts.scheme == "file":
        if host not in {"", "localhost"}:
            raise _invalid("file:// has no host: file:///workspace/...", url)
        return RepositoryAddress(
            url, url, needs_network=False, path=None, name=name, folder=unquote(parts.path)
        )
    if " " in url or not _HOST.fullmatch(host) or (parts.username or "").startswith("-"):
        raise _invalid("its host or user cannot be one")
    is_here = _LOOPBACK.fullmatch(host) is not None
    return RepositoryAddress(
        url, _shown(parts), needs_network=not is_here, path=None, name=name, secrets=_secrets(parts)
    )


def _secrets(parts: SplitResult) -> tuple[str, ...]:
    user, has_password, password = parts.netloc.rpartition("@")[0].partition(":")
    # A token may stand alone in the user's place; that of ssh is a name.
    found = [password] if has_password else [user] if parts.scheme != "ssh" else []
    return tuple(each for each in found if each)


def _shown(parts: SplitResult) -> str:
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at or (parts.scheme == "ssh" and ":" not in userinfo):
        return parts.geturl()
    user = f"{userinfo.partition(':')[0]}:***" if ":" in userinfo else "***"
    return parts._replace(netloc=f"{user}@{host}").geturl()


def _name_of(path: str) -> str:
    name = posixpath.basename(path.rstrip("/")).removesuffix(".git")
    return _OTHERWISE if name in {"", ".", ".."} or name.startswith("-") else name


def _invalid(why: str, url: str | None = None) -> SandboxGitError:
    shown = "" if url is None else f" {url!r}"
    return SandboxGitError("INVALID_GIT_URL", f"The address{shown} of the repository: {why}")
