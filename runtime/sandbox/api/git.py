"""``git_checkout``: a repository's files, by the git that is inside."""

import posixpath
import shlex
from dataclasses import dataclass
from typing import Final

from ....actors.records import Record
from ..errors import SandboxCommandError, SandboxGitError, SandboxInvalid
from ..results import ExecResult, timestamp_of
from .argument import SECONDS_MAX, time_limit
from .commands import Commands
from .git_faults import code_of
from .repository_address import RepositoryAddress, address_of

CLONE_TIMEOUT_S: Final = 600.0
_WORKSPACE: Final = "/workspace"
_SAID_MAX = 4_000
_NOT_FOUND = 127
_SIGNALS = 128  # what ended by one has an exit code above; git's own "fatal" is 128 itself
_REMOVING_S = 60.0
_NOTHING, _EMPTY = "nothing", "empty"  # what is where a clone is to be
# It never asks, has no configuration of the machine's, and runs no programs for odd addresses.
_ENVIRONMENT: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
    "LC_ALL": "C",
}
_SSH: Final = "ssh -o BatchMode=yes"
_OPTIONS: Final = ("-c", "http.lowSpeedLimit=1024", "-c", "http.lowSpeedTime=30")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCheckoutResult(Record):
    """A repository was cloned.

    Attributes:
        success: True: all else is an error.
        repo_url: From where, without a password.
        branch: What is checked out: a branch, or the tag that was asked for.
        target_dir: Where it is now.
        timestamp: When it was there.
    """

    success: bool
    repo_url: str
    branch: str
    target_dir: str
    timestamp: str


class Git(Commands):
    """Clones repositories."""

    async def git_checkout(
        self,
        url: str,
        *,
        branch: str | None = None,
        target_dir: str | None = None,
        depth: int | None = None,
        clone_timeout: float = CLONE_TIMEOUT_S,
        session_id: str | None = None,
    ) -> GitCheckoutResult:
        """Clone a repository into the sandbox.

        The git inside does it, without the server's credentials: a private repository needs them
        in the URL, or in the sandbox's own files.

        Args:
            url: ``https://``, ``http://``, ``ssh://``, ``git@host:path``, or, inside, ``file://``
                and a path. All that is on another machine needs ``network = "outbound"``.
            branch: Or a tag; what the repository has for its main branch by default.
            target_dir: A folder that is not there yet, or is empty; ``/workspace`` and the name of
                the repository by default.
            depth: How many commits of its history, at least 1; all by default.
            clone_timeout: In seconds.
            session_id: Whose variables git gets, and where a relative folder begins.

        Raises:
            SandboxGitError: It cannot be cloned; ``code`` says what is wrong, ``context`` what git
                said.
            SandboxCommandError: There is no git inside.
            SandboxInvalid: An argument is none.
        """
        address = self._reachable(url)
        begin = (await self._scope_now(session_id)).cwd or _WORKSPACE
        target = _checked(begin, target_dir) if target_dir else f"{_WORKSPACE}/{address.name}"
        wanted = _Wanted(address, _branch(branch), target, begin, _depth(depth))
        limit_s = time_limit(clone_timeout, "clone_timeout") or SECONDS_MAX
        result = await self._cloned(wanted, limit_s, session_id)
        return GitCheckoutResult(
            success=True,
            repo_url=address.shown,
            branch=result.stdout.strip() or branch or "HEAD",
            target_dir=target,
            timestamp=timestamp_of(),
        )

    def _reachable(self, url: str) -> RepositoryAddress:
        """An address that the sandbox has a network for."""
        address = address_of(url)
        config = self._home.config
        if address.needs_network and config.network == "none" and config.isolation != "none":
            raise SandboxGitError(
                "GIT_NETWORK_ERROR",
                f"{address.shown} is on another machine, and sandboxes have no network: "
                'write network = "outbound" under [perdure.sandbox]',
                {"repository": address.shown},
            )
        return address

    async def _cloned(
        self, wanted: "_Wanted", timeout_s: float, session_id: str | None
    ) -> ExecResult:
        known = (await self._scope_now(session_id)).env
        ssh = {} if "GIT_SSH_COMMAND" in known else {"GIT_SSH_COMMAND": _SSH}
        found = (await Commands.exec(self, wanted.look(), cwd=_WORKSPACE)).stdout.strip()
        result = None
        try:
            result = await Commands.exec(
                self,
                wanted.command(),
                timeout=timeout_s,
                env={**_ENVIRONMENT, **ssh},
                cwd=_WORKSPACE,
                session_id=session_id,
            )
        except SandboxCommandError as error:
            if not error.context.get("timed_out"):
                raise
        is_killed = result is None or result.exit_code > _SIGNALS
        if is_killed and (removing := wanted.removing(found)):
            # git takes away by itself what it has begun, if it is given the time.
            await Commands.exec(self, removing, cwd=_WORKSPACE, timeout=_REMOVING_S)
        if result is None:
            raise wanted.failed(
                "GIT_NETWORK_ERROR", f"it took more than {timeout_s:g} s (clone_timeout)"
            )
        wanted.check(result)
        return result


class _Wanted:
    """One clone."""

    def __init__(
        self,
        address: RepositoryAddress,
        branch: str | None,
        target: str,
        begin: str,
        depth: int | None,
    ) -> None:
        self._address, self._branch, self._target = address, branch, target
        self._begin, self._depth = begin, depth
        here = address.folder
        if here is not None and _normal(begin, here) == _normal(begin, target):
            raise self.failed("GIT_CLONE_FAILED", "into itself; say target_dir")

    def command(self) -> str:
        """What is run in the workspace."""
        address, target = self._address, _from_workspace(self._target)
        source = address.url
        options = list[str]()
        if address.path is not None:
            source = _from_workspace(_joined(self._begin, address.path))
        if self._branch is not None:
            options.append(f"--branch={self._branch}")
        if self._depth is not None:
            options.append(f"--depth={self._depth}")
            options += ["--no-local"] if address.path is not None else []
        clone = ["git", *_OPTIONS, "clone", "--quiet", *options, "--", source, target]
        show = ["git", "-C", target, "branch", "--show-current"]
        return f"{shlex.join(clone)} && {shlex.join(show)}"

    def look(self) -> str:
        """What tells what is there before it."""
        target = shlex.quote(_from_workspace(self._target))
        return (
            f"if [ ! -e {target} ] && [ ! -L {target} ]; then echo {_NOTHING}; "
            f'elif inside=$(ls -A -- {target}/) && [ -z "$inside" ]; then echo {_EMPTY}; fi'
        )

    def removing(self, found: str) -> str | None:
        """What brings back what was there before it, if it may have changed that."""
        target = shlex.quote(_from_workspace(self._target))
        return {
            _NOTHING: f"rm -rf -- {target}",
            _EMPTY: f"find {target}/ -mindepth 1 -delete",
        }.get(found)

    def check(self, result: ExecResult) -> None:
        """Raise what has gone wrong."""
        if result.exit_code == 0:
            return
        said = self._address.without_secrets(result.stderr[-_SAID_MAX:]).strip()
        if result.exit_code == _NOT_FOUND and "git" in said and "not found" in said:
            text = "There is no git in the sandbox: install it on the server, whose /usr it sees"
            raise SandboxCommandError("COMMAND_NOT_FOUND", text, {"command": "git"})
        error = self.failed(code_of(said), said or f"exit code {result.exit_code}")
        error.context |= {"exit_code": result.exit_code, "stderr": said}
        raise error

    def failed(self, code: str, why: str) -> SandboxGitError:
        """The error of a code."""
        context = {"repository": self._address.shown, "target_dir": self._target}
        if self._branch is not None:
            context["branch"] = self._branch
        return SandboxGitError(code, f"Cannot clone {self._address.shown}: {why}", context)


def _from_workspace(path: str) -> str:
    """An absolute path as it is seen from the workspace, which is elsewhere without a wall."""
    if path == _WORKSPACE:
        return "."
    below = path.removeprefix(f"{_WORKSPACE}/")
    return path if below == path else f"./{below}"


def _normal(begin: str, path: str) -> str:
    return posixpath.normpath(_joined(begin, path))


def _joined(begin: str, path: str) -> str:
    return path if path.startswith("/") else f"{begin.rstrip('/')}/{path}"


def _checked(begin: str, target_dir: str) -> str:
    if not isinstance(target_dir, str) or "\0" in target_dir:
        raise SandboxInvalid("VALIDATION_FAILED", "target_dir is a path")
    return _joined(begin, target_dir)


def _branch(branch: str | None) -> str | None:
    if branch is None:
        return None
    is_name = isinstance(branch, str) and branch and not branch.startswith("-")
    if not is_name or any(ord(each) <= ord(" ") or each in "~^:?*[\\\x7f" for each in branch):
        raise SandboxInvalid("VALIDATION_FAILED", f"{branch!r} cannot be the name of a branch")
    return branch


def _depth(depth: int | None) -> int | None:
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise SandboxInvalid("VALIDATION_FAILED", f"depth is a whole number from 1, not {depth!r}")
    return depth
