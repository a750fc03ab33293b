"""Which style a program is written in, read from its configuration and the text of its ``main``."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ..config.model import WorkerConfig

WORKERS_FLAG = "python_workers"
EXTERNAL_SDK_FLAG = "enable_python_external_sdk"
# From this date on handlers are methods of classes, and not functions of the module.
CLASSES_DATE = "2025-08-14"
CLASSES_FLAG = "python_no_global_handlers"
EXTRA_HANDLERS_FLAG = "service_binding_extra_handlers"
GLOBALS_FLAG = f"disable_{CLASSES_FLAG}"


def is_in_workers_style(config: WorkerConfig) -> bool:
    """Whether a program is to be spoken to as on Cloudflare Workers.

    It is if its configuration says so, or if its ``main`` imports ``workers``; the latter is
    read from the text, because it has to be known before the text is run.
    """
    flags = config.compatibility_flags
    if WORKERS_FLAG in flags or any(flag.startswith(f"{WORKERS_FLAG}_") for flag in flags):
        return True
    return _imports(config.main, "workers")


def may_have_global_handlers(config: WorkerConfig) -> bool:
    """Whether ``on_fetch`` and its like are looked for in the module."""
    flags, date = config.compatibility_flags, config.compatibility_date
    if CLASSES_FLAG in flags or GLOBALS_FLAG in flags:
        return GLOBALS_FLAG in flags
    return date is not None and date < CLASSES_DATE


def has_own_sdk(config: WorkerConfig) -> bool:
    """Whether the program says that it brings its own copy of ``workers``."""
    return EXTERNAL_SDK_FLAG in config.compatibility_flags


def fires_triggers(config: WorkerConfig) -> bool:
    """Whether ``scheduled`` of a service binding runs the handler of cron triggers."""
    return EXTRA_HANDLERS_FLAG in config.compatibility_flags


def _imports(main: Path, wanted: str) -> bool:
    """Whether a file imports a top-level module anywhere; not if it cannot be read."""
    try:
        text = main.read_bytes()
        # To parse it takes longer than most of what a start does. A name may be spelt with
        # letters that only look like those of ASCII.
        if text.isascii() and wanted.encode() not in text:
            return False
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):  # whoever imports it says what is wrong
        return False
    return wanted in set(_imported_by(tree))


def _imported_by(tree: ast.Module) -> Iterator[str]:
    """The top-level modules that a file imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]
