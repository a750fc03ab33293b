"""A note below pages, for who writes the program: what it says is not what the files say now.

While the newest code cannot be imported, what was imported last goes on serving. Its pages say so,
at their end; everything else that is answered stays as it is.

*Considered and refused*: the error instead of the page: what goes on serving would not serve. A
script in each page that shows errors as they come: pages would be other ones than in production,
also for their tests.
"""

import html

from ...actors.http import Request, Response
from ..host.worker import OnResponse
from .front import Answerer

_STYLE = (
    "position:fixed;z-index:2147483647;left:0;right:0;bottom:0;max-height:40vh;overflow:auto;"
    "margin:0;padding:12px 16px;background:#3a0d0a;color:#ffe9e6;border-top:3px solid #ff5449;"
    "font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;text-align:left"
)
_TITLE = "This page is of the last code that could be imported. The newest cannot be:"
_PAGES = frozenset({"document", "iframe", "frame"})
# Whoever keeps a page shows it when the error is mended, too.
_VALIDATORS = ("ETag", "Last-Modified", "Content-Length", "Cache-Control")


class Banner:
    """Answers as another one does, and adds to its pages. Is an ``Answerer``.

    Attributes:
        problem: What is wrong; None if nothing is.
    """

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self.problem: str | None = None

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have ``request`` answered; see ``Worker.fetch``."""
        if self.problem is None or not _wants_page(request):
            self._answerer.fetch(request, on_response)
            return

        def answered(response: Response | None, error: BaseException | None) -> None:
            if response is not None and self.problem is not None:
                response = with_banner(response, self.problem)
            on_response(response, error)

        self._answerer.fetch(request, answered)


def with_banner(response: Response, problem: str) -> Response:
    """Return a page with a note at its end; what is no page in one piece stays as it is."""
    fields, content = response.header_fields(), response.content
    is_page = fields.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"
    is_plain = "Content-Encoding" not in fields and "Content-Range" not in fields
    if not is_page or not is_plain or not isinstance(content, bytes):
        return response
    changed = fields.copy()
    for name in _VALIDATORS:
        changed.popall(name, None)
    changed["Cache-Control"] = "no-store"
    note = (
        f'<pre data-perdure="problem" role="alert" style="{_STYLE}"><b>{_TITLE}</b>\n\n'
        f"{html.escape(problem)}</pre>"
    )
    # In ASCII, which a page of any usual encoding can have at its end.
    whole = content + note.encode("ascii", "xmlcharrefreplace")
    return Response.incoming(response.status, response.status_text, changed, whole)


def _wants_page(request: Request) -> bool:
    """A browser's address bar asks, or a frame; not the code of a page for a part of it."""
    fields = request.header_fields()
    if request.method != "GET" or request.is_upgrade:
        return False
    purpose = fields.get("Sec-Fetch-Dest")
    if purpose is not None:
        return purpose in _PAGES
    return "text/html" in fields.get("Accept", "")
