"""What the module ``workers`` has besides messages."""

import asyncio
from typing import Any

import pytest

import perdure
from perdure.runtime.compat.js.errors import NotAvailable
from perdure.runtime.compat.js.http import Request as JsRequest
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.sdk import entrypoints
from perdure.runtime.compat.sdk.messages import Request
from perdure.storage.errors import UsageError
from tests.world import World


def test_the_base_classes_are_perdures() -> None:
    assert entrypoints.DurableObject is perdure.DurableObject
    assert entrypoints.WorkerEntrypoint is perdure.WorkerEntrypoint
    assert issubclass(entrypoints.DurableObjectAbort, BaseException)
    assert not issubclass(entrypoints.DurableObjectAbort, Exception)


def test_a_workflow_can_be_defined() -> None:
    class Own(entrypoints.WorkflowEntrypoint):
        pass

    assert Own("ctx", "env").env == "env"


def test_a_handler_is_given_a_request_of_workers() -> None:
    @entrypoints.handler
    def on_fetch(request: Any, env: Any) -> Any:
        return request, env

    request, env = on_fetch(JsRequest("http://a/"), "env")
    assert isinstance(request, Request)
    assert env == "env"
    assert on_fetch.__name__ == "on_fetch"
    assert on_fetch(5, 6) == (5, 6)


async def test_work_goes_on_after_the_handler(workers: World) -> None:
    done = workers.loop.create_future()

    async def later() -> None:
        done.set_result("done")

    def script(lab: Any) -> None:
        entrypoints.waitUntil(later())

    await workers.inside(script)
    assert await done == "done"


async def test_outside_of_a_handler_nothing_goes_on() -> None:
    later = asyncio.sleep(0)
    with pytest.raises(JsException, match="Disallowed operation called within global scope"):
        entrypoints.wait_until(later)
    later.close()


def test_modules_of_the_platform_say_what_to_use_instead() -> None:
    connect = entrypoints.import_from_javascript("cloudflare:sockets").connect
    said = r"cloudflare:sockets\.connect is not available on perdure: use asyncio"
    with pytest.raises(NotAvailable, match=said):
        connect("example.com:25")


def test_there_is_no_javascript() -> None:
    with pytest.raises(ImportError, match="it is not available on perdure") as raised:
        entrypoints.import_from_javascript("node:crypto")
    assert raised.value.name == "node:crypto"
    with pytest.raises(UsageError, match="a module's name is a str"):
        entrypoints.import_from_javascript(5)  # type: ignore[arg-type]  # that is the point
