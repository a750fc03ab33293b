"""What a client sees when user code raised: everything in development, nothing in production."""

import html
import json
import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...actors.errors import RemoteError
from ...actors.tracebacks import OURS, kept_traceback, user_traceback

_STYLE = """
:root { color-scheme: light dark; --bg: #fbfbfa; --fg: #1b1b1a; --dim: #6f6e69; --card: #fff;
  --line: #e4e3df; --hot: #b3261e; --mark: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --bg: #161615; --fg: #ecebe6; --dim: #96958e;
  --card: #1f1f1d; --line: #34332f; --hot: #ff8a80; --mark: #3a201e; } }
body { margin: 0; background: var(--bg); color: var(--fg); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 3rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; color: var(--hot); overflow-wrap: anywhere; }
p.where { color: var(--dim); margin: 0 0 1.5rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  margin: 0 0 1rem; overflow: hidden; }
section h2 { font: 600 13px/1.4 ui-monospace, monospace; margin: 0; padding: .6rem .9rem;
  overflow-wrap: anywhere; }
section h2 + pre { border-top: 1px solid var(--line); }
section h2 span { color: var(--dim); font-weight: 400; }
pre { margin: 0; padding: .5rem 0; font: 13px/1.6 ui-monospace, monospace; overflow-x: auto; }
pre.code { display: grid; grid-template-columns: minmax(max-content, 1fr); }
pre div { padding: 0 .9rem; white-space: pre; } pre div.hot { background: var(--mark); }
pre i { color: var(--dim); font-style: normal; display: inline-block; width: 3.2em; }
pre.text { padding: .8rem .9rem; }
details { color: var(--dim); } details pre { color: var(--fg); padding: .8rem .9rem; }
"""

_LINES_AROUND = 4
# As Python prints a frame; the traceback of an actor arrives as text (actors/rpc.py).
_PRINTED_FRAME = re.compile(
    r'^  File "(?P<file>.+)", line (?P<line>\d+), in (?P<name>.+)$', re.MULTILINE
)


def error_text(error: BaseException) -> str:
    """The traceback as plain text, from the user's own frames on."""
    return user_traceback(error)


def error_page(error: BaseException, method: str, url: str) -> str:
    """A page with the user's frames, the innermost first, each with its lines of source."""
    title = _title(error)
    sections = "".join(_frame_section(*frame) for frame in _frames(error))
    return _page(
        title,
        f"<p class=where>{html.escape(method)} {html.escape(url)}</p>"
        f"{sections}<details><summary>Whole traceback</summary>"
        f"<pre>{html.escape(error_text(error))}</pre></details>",
    )


def problem_page(problem: str, changed_path: str) -> str:
    """A page of a program that cannot be started, which is loaded again when that has changed.

    Args:
        problem: Why.
        changed_path: What is asked there is answered when the page is out of date.
    """
    return _page(
        "The program cannot be started",
        "<p class=where>Mend it and save: this page is then loaded again.</p>"
        f"<section><pre class=text>{html.escape(problem)}</pre></section>"
        f"<script>fetch({json.dumps(changed_path)}).then(answer => "
        "answer.status == 204 && location.reload()).catch(() => {})</script>",
    )


def _page(title: str, content: str) -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title.splitlines()[0])}</title><style>{_STYLE}</style><main>"
        f"<h1>{html.escape(title)}</h1>{content}</main></html>"
    )


def _title(error: BaseException) -> str:
    if isinstance(error, RemoteError) and kept_traceback(error) is not None:
        # Of a class that the program has in another process.
        name = error.type_name.rpartition(".")[2]
        return f"{name}: {error.message}" if error.message else name
    name = type(error).__qualname__
    try:
        text = str(error)
    except Exception as failed:
        text = f"<its __str__ raised {type(failed).__name__}>"
    return f"{name}: {text}" if text else name


def _frames(error: BaseException) -> Iterator[tuple[str, int, str]]:
    """File, line and function of the user's frames; first those of the other side of a call."""
    kept = kept_traceback(error)
    for note in getattr(error, "__notes__", ()) if kept is None else (kept,):
        for found in reversed([*_PRINTED_FRAME.finditer(note)]):
            if not _is_ours(found["file"]):
                yield found["file"], int(found["line"]), found["name"]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not _is_ours(frame.filename):
            yield frame.filename, frame.lineno or 0, frame.name


def _is_ours(filename: str) -> bool:
    return str(Path(filename).resolve()).startswith(OURS)


def _frame_section(filename: str, line: int, name: str) -> str:
    where = f"{html.escape(filename)}:{line} <span>in {html.escape(name)}</span>"
    rows = "".join(
        f"<div{' class=hot' if number == line else ''}><i>{number}</i>{html.escape(text)}</div>"
        for number, text in _source_around(filename, line)
    )
    code = f"<pre class=code>{rows}</pre>" if rows else ""  # a file that is not here has none
    return f"<section><h2>{where}</h2>{code}</section>"


def _source_around(filename: str, line: int) -> Sequence[tuple[int, str]]:
    try:
        source = Path(filename).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    if line > len(source):  # it has been edited since
        return ()
    first = max(line - _LINES_AROUND, 1)
    return [(n, source[n - 1]) for n in range(first, min(line + _LINES_AROUND, len(source)) + 1)]
