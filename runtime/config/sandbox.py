"""``[perdure.sandbox]``: what sandboxes are made of, where the original has a Dockerfile."""

import math
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .durations import seconds_of
from .errors import did_you_mean
from .report import Table, shown

ISOLATIONS = ("bubblewrap", "none")
LIMITS = ("strict", "best-effort")
NETWORKS = ("none", "outbound", "host")
WORKSPACE = "/workspace"
# Each whole but for cpu_cores, and more than 0.
AMOUNTS = (
    "memory_bytes_max",
    "processes_max",
    "cpu_cores",
    "file_size_bytes_max",
    "open_files_max",
    "temporary_size_bytes_max",
    "disk_size_bytes_max",
    "log_size_bytes_max",
)
KEYS = (
    "isolation",
    "limits",
    "network",
    "copy",
    "mount",
    "path",
    "startup",
    "startup_timeout_s",
    "env",
    "sleep_after",
    *AMOUNTS,
)
# With less no sandbox starts: bubblewrap and its first process, the agent, a shell and a program.
LEAST = {
    "processes_max": 8,
    "memory_bytes_max": 8 * 1024 * 1024,
    "file_size_bytes_max": 4096,
    "open_files_max": 32,
}
_MOST = 1 << 62
# What the wall puts there itself: nothing can be mounted at these, nor below them.
TAKEN = (
    *(WORKSPACE, "/perdure", "/proc", "/dev", "/sys", "/var/tmp"),  # noqa: S108 - a name inside
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
)
# Nothing can be mounted at these, for what else is in them would be gone.
SHARED = ("/", "/etc", "/tmp", "/var", "/run")  # noqa: S108 - names inside
_SLEEP_HINT = 'For instance sleep_after = "10m"; "30s", "1h" and 90 (seconds) are fine, too'


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """``[perdure.sandbox]``. Amounts that are None are what perdure has by default.

    Attributes:
        isolation: ``"bubblewrap"``, or ``"none"`` for no wall at all.
        limits: ``"strict"`` refuses to start where limits cannot be set; or ``"best-effort"``.
        network: ``"none"``, ``"outbound"`` or ``"host"``.
        copy: Files and folders outside, absolute, and where copies of them are inside.
        mount: The same of what is seen inside and cannot be changed there.
        path: Folders inside that programs are looked for in before all others.
        startup: A script outside that is run before the first command; None for none.
        startup_timeout_s: How long that may take.
        env: Name to value.
        sleep_after_s: How long a sandbox without work goes on.
        memory_bytes_max: Of all programs in one sandbox together, ``/tmp`` included.
        processes_max: And threads, all together.
        cpu_cores: How much of the processors all together may use.
        file_size_bytes_max: Of one file.
        open_files_max: Of one process.
        temporary_size_bytes_max: Of ``/tmp``.
        disk_size_bytes_max: Of ``/workspace``.
        log_size_bytes_max: Of what is kept of the output of one background process.
    """

    isolation: str = "bubblewrap"
    limits: str = "strict"
    network: str = "none"
    copy: Sequence[tuple[Path, str]] = ()
    mount: Sequence[tuple[Path, str]] = ()
    path: Sequence[str] = ()
    startup: Path | None = None
    startup_timeout_s: float = 30.0
    env: Mapping[str, str] = field(default_factory=dict)
    sleep_after_s: float = 600.0
    memory_bytes_max: int | None = None
    processes_max: int | None = None
    cpu_cores: float | None = None
    file_size_bytes_max: int | None = None
    open_files_max: int | None = None
    temporary_size_bytes_max: int | None = None
    disk_size_bytes_max: int | None = None
    log_size_bytes_max: int | None = None


def read_sandbox(perdure: Table, base_dir: Path) -> Mapping[str, Any]:
    """Read ``sandbox`` of ``[perdure]``: what it sets, as keyword arguments of ``SandboxConfig``.

    Args:
        perdure: ``[perdure]``.
        base_dir: What the paths in it that are outside start from.
    """
    table = perdure.find_table("sandbox")
    if table is None:
        return {}
    for name in table.values:
        if name not in KEYS:
            message = f'There is no setting "{table.name(name)}".'
            table.report.error(table.key(name), message, did_you_mean(name, KEYS))
    found = {
        "isolation": table.find_choice("isolation", ISOLATIONS),
        "limits": table.find_choice("limits", LIMITS),
        "network": table.find_choice("network", NETWORKS),
        "copy": _find_copies(table, base_dir),
        "mount": _find_mounts(table, base_dir),
        "path": _find_path(table),
        "startup": _find_startup(table, base_dir),
        "startup_timeout_s": _find_amount(table, "startup_timeout_s"),
        "env": _find_env(table),
        "sleep_after_s": _find_sleep_after(table),
        **{name: _find_amount(table, name, whole=name != "cpu_cores") for name in AMOUNTS},
    }
    return {name: value for name, value in found.items() if value is not None}


def _find_amount(table: Table, key: str, *, whole: bool = False) -> int | float | None:
    value = table.find_number(key, whole=whole)
    least = LEAST.get(key, 0)
    if value is None or (math.isfinite(value) and 0 < value <= _MOST and value >= least):
        return value
    bound = f"{least} or more" if least else "more than 0"
    if math.isfinite(value) and value > _MOST:
        bound = f"{_MOST} or less"
    given = shown(value) if math.isfinite(value) else str(value)
    message = f'Expected "{table.name(key)}" to be {bound} but got {given}.'
    hint = "The wall itself and a shell need so much" if least and value < least else ""
    table.report.error(table.key(key), message, hint)
    return None


def _find_sleep_after(table: Table) -> float | None:
    if "sleep_after" not in table:
        return None
    value = table.values["sleep_after"]
    seconds = seconds_of(value)
    if seconds is None:
        message = f'Expected "{table.name("sleep_after")}" to be a length of time but got '
        table.report.error(table.key("sleep_after"), f"{message}{shown(value)}.", _SLEEP_HINT)
    return seconds


def _find_env(table: Table) -> Mapping[str, str] | None:
    env = table.find_table("env")
    if env is None:
        return None
    found = {}
    for name in env.values:
        value = env.find_string(name)
        if not name or "=" in name or "\0" in name:
            message = f"A variable of the environment cannot be called {shown(name)}."
            env.report.error(env.key(name), message)
        elif value is not None and "\0" in value:
            message = f'"{env.name(name)}" has a zero byte in it, which no program can be given.'
            env.report.error(env.key(name), message)
        elif value is not None:
            found[name] = value
    return found


def _find_startup(table: Table, base_dir: Path) -> Path | None:
    written = table.find_string("startup")
    if written is None:
        return None
    path = base_dir / written
    if path.is_file():
        return path
    what = "is no file" if path.exists() else "does not exist"
    message = f'The script specified by "{table.name("startup")}" {what}: {shown(written)}.'
    hint = f"It is looked for at {path}"
    table.report.error(table.key("startup"), message, hint)
    return None


def _find_path(table: Table) -> tuple[str, ...] | None:
    folders = table.find_strings("path")
    for index, folder in enumerate(folders or ()):
        place, name = (*table.key("path"), index), f"{table.name('path')}.[{index}]"
        if problem := _problem_of(folder):
            table.report.error(place, f'"{name}" {problem}', _hint_for(folder))
        elif ":" in folder:
            table.report.error(place, f'"{name}" has a ":" in it, which separates folders.')
    return folders


def _find_copies(table: Table, base_dir: Path) -> tuple[tuple[Path, str], ...] | None:
    pairs = table.find_table("copy")
    if pairs is None:
        return None
    found = tuple(_pairs(pairs, base_dir, WORKSPACE))
    for written, source, target in found:
        key, name = pairs.key(written), pairs.name(written)
        if not _is_below(target, WORKSPACE):
            message = f'"{name}" is to be copied to {shown(target)}, outside of {WORKSPACE}.'
            hint = "Files that programs only read can be put elsewhere with mount"
            pairs.report.error(key, message, hint)
        elif target == WORKSPACE and source.is_file():
            message = f'"{name}" is a file, and {WORKSPACE} is a folder.'
            pairs.report.error(key, message, f'Write "{WORKSPACE}/{source.name}"')
    return tuple((source, target) for _, source, target in found)


def _find_mounts(table: Table, base_dir: Path) -> tuple[tuple[Path, str], ...] | None:
    pairs = table.find_table("mount")
    if pairs is None:
        return None
    found = tuple(_pairs(pairs, base_dir, "/opt"))
    targets = [target for _, _, target in found]
    for written, _, target in found:
        key, name = pairs.key(written), pairs.name(written)
        around = [other for other in targets if other != target and _is_below(target, other)]
        if taken := _whose(target):
            message = f'"{name}" cannot be mounted at {shown(target)}: {taken}.'
            hint = 'For instance "/opt/NAME"'
            if _is_below(target, WORKSPACE):
                hint = f"What is to be in {WORKSPACE} is put there with copy"
            pairs.report.error(key, message, hint)
        elif around:
            message = f'"{name}" cannot be mounted at {shown(target)}, inside of another mount.'
            hint = f"Nothing can be added to {around[0]}, which cannot be changed inside"
            pairs.report.error(key, message, hint)
    return tuple((source, target) for _, source, target in found)


def _pairs(pairs: Table, base_dir: Path, root: str) -> Iterator[tuple[str, Path, str]]:
    """Yield what is sound by itself: the source as written, the source, the target.

    Who writes no whole path is told of one below ``root``.
    """
    taken: set[str] = set()
    for written in pairs.values:
        key, name = pairs.key(written), pairs.name(written)
        target = pairs.find_string(written)
        if target is None:
            continue
        source = base_dir / written
        if not written or "\0" in written or not source.exists():
            message = f'The file or folder specified by "{name}" does not exist: {shown(written)}.'
            pairs.report.error(key, message, f"It is looked for at {source}" if written else "")
        elif problem := _problem_of(target):
            message = f'The place inside of "{name}" {problem}'
            pairs.report.error(key, message, _hint_for(target, root))
        elif target in taken:
            message = f'"{name}" is to be at {shown(target)}, where another one is already.'
            pairs.report.error(key, message)
        else:
            taken.add(target)
            yield written, source, target


def _problem_of(inside: str) -> str:
    """Say what keeps a text from being the name of a place inside; nothing if it is one."""
    if not inside.startswith("/"):
        return f"should be an absolute path inside the sandbox but is {shown(inside)}."
    if "\0" in inside:
        return "has a zero byte in it, which no path has."
    if inside != _normalised(inside):
        return f"""should have no "..", "." or "/" too many but is {shown(inside)}."""
    return ""


def _hint_for(inside: str, root: str = WORKSPACE) -> str:
    if inside.startswith("/"):
        return f'Write "{_normalised(inside)}"'
    return f'For instance "{posixpath.join(root, posixpath.normpath(inside))}"'


def _normalised(path: str) -> str:
    return posixpath.normpath(f"/{path.lstrip('/')}")


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _whose(target: str) -> str:
    """Say why nothing can be mounted there; nothing if it can."""
    for taken in TAKEN:
        if _is_below(target, taken):
            return f"{taken} is the sandbox's own"
    if target in SHARED:
        return "what else is there would be gone"
    if _is_below(target, sys.base_prefix) or _is_below(sys.base_prefix, target):
        return f"Python is at {sys.base_prefix} inside, too"
    return ""
