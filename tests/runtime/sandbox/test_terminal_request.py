import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.http import Request, Response
from perdure.runtime.sandbox.errors import SandboxInvalid
from perdure.runtime.sandbox.purpose import purpose_of
from perdure.runtime.sandbox.terminal_request import (
    PURPOSE,
    TerminalRequest,
    open_terminal,
    shell_command,
)
from perdure.runtime.sandbox.wire import SIDE_MAX

SIZES = st.integers(1, SIDE_MAX)
TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
UPGRADE = {"Upgrade": "websocket", "X-Own": "kept"}


class Actor:
    """Answers nothing, and keeps what it was sent."""

    def __init__(self) -> None:
        self.request: Request | None = None

    async def fetch(self, request: Request, /) -> Response:
        self.request = request
        return Response("answered")


@given(SIZES, SIZES, TEXTS, TEXTS)
def test_what_is_wanted_arrives(cols: int, rows: int, shell: str | None, name: str | None) -> None:
    wanted = TerminalRequest(cols, rows, shell if shell is None else shell[:1000], name)
    text = wanted.as_text()
    assert text.isascii()
    assert text.isprintable()
    assert TerminalRequest.of_text(text) == wanted


@pytest.mark.parametrize(
    "wrong",
    [
        *({"cols": wrong} for wrong in (0, None, "80")),
        *({"rows": wrong} for wrong in (SIDE_MAX + 1, 1.0, True)),
        *({"shell": wrong} for wrong in ("", b"sh", "a\0")),
        *({"session_id": wrong} for wrong in ("", 1)),
    ],
)
def test_what_no_terminal_can_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SandboxInvalid) as refused:
        TerminalRequest(**wrong)  # type: ignore[arg-type]  # what is wrong with it
    assert refused.value.context == {"field": next(iter(wrong))}


@pytest.mark.asyncio
async def test_the_request_itself_goes_to_the_actor_with_what_is_wanted() -> None:
    actor, wanted = Actor(), TerminalRequest(cols=7)
    request = Request("http://x/terminal?a=b", headers=UPGRADE)
    response = await open_terminal(actor, request, wanted)
    assert await response.text() == "answered"
    assert actor.request is not None
    assert purpose_of(actor.request) == (PURPOSE, wanted.as_text())
    assert actor.request.url == request.url
    assert actor.request.headers["X-Own"] == "kept"


@pytest.mark.asyncio
async def test_a_request_for_no_websocket_does_not_get_there() -> None:
    actor = Actor()
    response = await open_terminal(actor, Request("http://x/"), TerminalRequest())
    assert (response.status, response.headers["Upgrade"]) == (426, "websocket")
    assert actor.request is None


@pytest.mark.parametrize(
    ("shell", "command"),
    [(None, None), ("zsh", "exec zsh"), ("/a b/sh; rm x", "exec '/a b/sh; rm x'")],
)
def test_a_shell_is_one_word_of_a_command(shell: str | None, command: str | None) -> None:
    assert shell_command(shell) == command
