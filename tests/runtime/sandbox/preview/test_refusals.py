import json

import pytest

from perdure.actors.http import Response
from perdure.runtime.sandbox.preview.refusals import (
    invalid_token,
    no_upgrade,
    routing_error,
    stale,
)


@pytest.mark.parametrize(
    ("response", "status", "code"),
    [(invalid_token(), 404, "INVALID_TOKEN"), (stale(), 410, "STALE_PREVIEW_URL")],
)
async def test_a_refusal_says_its_code_and_is_not_kept(
    response: Response, status: int, code: str
) -> None:
    assert response.status == status
    assert response.headers["Cache-Control"] == "no-store"
    told = json.loads(await response.text())
    assert told["code"] == code
    assert told["error"]


async def test_what_else_clients_are_told_is_text() -> None:
    assert [no_upgrade().status, no_upgrade().headers["Upgrade"]] == [426, "websocket"]
    assert [routing_error().status, await routing_error().text()] == [500, "Proxy routing error"]
