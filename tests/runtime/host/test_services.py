"""Workers of one process as others of it call them; see tests/conformance/test_services.py too."""

import asyncio
from typing import Any, cast

import pytest

from perdure.actors.base import WorkerEntrypoint
from perdure.actors.channel import Outbound
from perdure.actors.errors import NoSuchMethod
from perdure.actors.http import Request, Response
from perdure.actors.service_stub import ServiceStub
from perdure.runtime.host.services import WorkerService
from perdure.runtime.host.worker import Worker


class Default(WorkerEntrypoint):
    made = 0

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        type(self).made += 1

    async def fetch(self, request: Request) -> Response:
        return Response(f"Default of {self.env}")


class Admin(WorkerEntrypoint):
    async def who(self) -> str:
        await asyncio.sleep(0)
        return f"Admin of {self.env}"

    def large(self) -> bytes:
        return bytes(64 << 20)


def worker() -> Worker:
    no_outbound = cast("Outbound", None)
    return Worker(asyncio.get_running_loop(), no_outbound, Default, "math")


async def test_an_instance_lives_for_one_request() -> None:
    stub = ServiceStub(WorkerService("math", worker(), Default))
    before = Default.made
    for _ in range(2):
        response = await stub.fetch("http://math/")
        assert await response.text() == "Default of math"
    assert Default.made == before + 2


async def test_another_entrypoint_of_the_program_is_called() -> None:
    service = WorkerService("math", worker(), Admin)
    assert repr(service) == "math.Admin"
    assert await ServiceStub(service).who() == "Admin of math"


async def test_an_entrypoint_without_fetch_says_so() -> None:
    stub = ServiceStub(WorkerService("math", worker(), Admin))
    with pytest.raises(NoSuchMethod, match=r"Handler does not export a fetch\(\) function"):
        await stub.fetch("http://math/")


async def test_a_result_that_is_too_large_is_told_by_its_method() -> None:
    stub = ServiceStub(WorkerService("math", worker(), Admin))
    with pytest.raises(Exception, match=r"the result of Admin\.large\(\)"):
        await stub.large()


async def test_it_is_at_work_until_the_call_has_ended() -> None:
    one = worker()
    call = ServiceStub(WorkerService("math", one, Admin)).who()
    assert one.is_at_work
    await call
    assert not one.is_at_work
    assert one.waiting == 0
    assert not one.replies_due
