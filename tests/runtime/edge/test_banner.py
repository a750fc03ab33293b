"""The note below pages while the newest code cannot be imported."""

import pytest

from perdure.actors.http import Request, Response
from perdure.runtime.edge.banner import Banner
from perdure.runtime.host.worker import OnResponse

PAGE = "<h1>Hello</h1>"
HTML = {"Content-Type": "text/html; charset=utf-8", "ETag": '"1"', "Content-Length": "14"}
BROWSER = {"Accept": "text/html,*/*"}


class Program:
    def __init__(self, response: Response) -> None:
        self.response = response

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        on_response(self.response, None)


def ask(response: Response, problem: str | None = "no <such> thing", **options: object) -> Response:
    banner = Banner(Program(response))
    banner.problem = problem
    given: list[Response | None] = []
    headers = options.pop("headers", BROWSER)
    request = Request("http://x/", headers=headers, **options)  # type: ignore[arg-type]  # a test's
    banner.fetch(request, lambda answer, _: given.append(answer))
    [answer] = given
    assert answer is not None
    return answer


async def test_a_page_says_what_is_wrong() -> None:
    answer = ask(Response(PAGE, 404, headers=HTML), "no <such> \u201ething\u201c")
    text = await answer.text()
    assert text.startswith(PAGE)
    assert "no &lt;such&gt; &#8222;thing&#8220;" in text
    assert answer.status == 404
    assert answer.headers.get("Cache-Control") == "no-store"
    assert "ETag" not in answer.header_fields()
    assert "Content-Length" not in answer.header_fields()


@pytest.mark.parametrize(
    ("response", "options"),
    [
        (Response(PAGE, headers=HTML), {"problem": None}),
        (Response(PAGE, headers=HTML), {"method": "POST"}),
        (Response(PAGE, headers=HTML), {"headers": {"Accept": "application/json"}}),
        (Response(PAGE, headers=HTML), {"headers": {**BROWSER, "Sec-Fetch-Dest": "empty"}}),
        (Response(PAGE, headers={**HTML, "Content-Encoding": "gzip"}), {}),
        (Response(PAGE), {}),
        (Response(None, headers=HTML), {}),
    ],
)
def test_nothing_else_is_changed(response: Response, options: dict[str, object]) -> None:
    assert ask(response, **options) is response  # type: ignore[arg-type]  # a test's


async def test_a_browser_that_says_what_it_asks_for_is_believed() -> None:
    page = Response(PAGE, headers=HTML)
    answer = ask(page, headers={"Sec-Fetch-Dest": "document", "Accept": "*/*"})
    assert "no &lt;such&gt; thing" in await answer.text()
