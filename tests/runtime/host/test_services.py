"""Workers of one process as others of it call them; see tests/conformance/test_services.py too."""

import asyncio
from typing import Any, cast

import pytest

from perdure.actors.base import WorkerEntrypoint
from perdure.actors.channel import Outbound
from perdure.actors.errors import NoSuchMethod
from perdure.actors.http import Request, Response
from perdure.actors.service_stub import ServiceAddress, ServiceStub
from perdure.runtime.host.scheduled import ScheduledEvent
from perdure.runtime.host.services import Services, WorkerService
from perdure.runtime.host.worker import Worker
from perdure.storage.values import encode
from tests.actors.test_service_stub import Noted

MATH, ADMIN = ServiceAddress("math", "Default"), ServiceAddress("math", "Admin")


class Default(WorkerEntrypoint):
    made = 0

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        type(self).made += 1

    async def fetch(self, request: Request) -> Response:
        return Response(f"Default of {self.env}{self.ctx.props or ''}")


class Admin(WorkerEntrypoint):
    async def who(self) -> str:
        await asyncio.sleep(0)
        return f"Admin of {self.env}"

    def told(self) -> dict[str, Any]:
        props = self.ctx.props
        assert props is self.ctx.props
        props["told"] = True
        return props

    def large(self) -> bytes:
        return bytes(64 << 20)


def worker() -> Worker:
    no_outbound = cast("Outbound", None)
    return Worker(asyncio.get_running_loop(), no_outbound, Default, "math")


async def test_a_trigger_is_fired_at_an_entrypoint_that_is_told_its_props() -> None:
    heard = []

    class Nightly(WorkerEntrypoint):
        async def scheduled(self, event: ScheduledEvent) -> None:
            heard.append((self.env, self.ctx.props, event.cron))

    service = WorkerService(MATH, worker(), Nightly).with_props(encode({"n": 1}))
    done: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    service.scheduled(ScheduledEvent("* * * * *", 0), done.set_result)
    assert await done is None
    assert heard == [("math", {"n": 1}, "* * * * *")]


async def test_an_instance_lives_for_one_request() -> None:
    stub = ServiceStub(WorkerService(MATH, worker(), Default))
    before = Default.made
    for _ in range(2):
        response = await stub.fetch("http://math/")
        assert await response.text() == "Default of math"
    assert Default.made == before + 2


async def test_another_entrypoint_of_the_program_is_called() -> None:
    service = WorkerService(ADMIN, worker(), Admin)
    assert repr(service) == "math.Admin"
    assert await ServiceStub(service).who() == "Admin of math"


async def test_an_entrypoint_without_fetch_says_so() -> None:
    stub = ServiceStub(WorkerService(ADMIN, worker(), Admin))
    with pytest.raises(NoSuchMethod, match=r"Handler does not export a fetch\(\) function"):
        await stub.fetch("http://math/")


async def test_a_result_that_is_too_large_is_told_by_its_method() -> None:
    stub = ServiceStub(WorkerService(ADMIN, worker(), Admin))
    with pytest.raises(Exception, match=r"the result of Admin\.large\(\)"):
        await stub.large()


async def test_it_is_at_work_until_the_call_has_ended() -> None:
    one = worker()
    call = ServiceStub(WorkerService(ADMIN, one, Admin)).who()
    assert one.is_at_work
    await call
    assert not one.is_at_work
    assert one.waiting == 0
    assert not one.replies_due


async def test_a_call_and_a_request_are_told_a_copy_of_the_props_of_their_stub() -> None:
    admin = WorkerService(ADMIN, worker(), Admin).with_props(encode({"of": [1]}))
    for _ in range(2):
        assert await ServiceStub(admin).told() == {"of": [1], "told": True}
    assert await ServiceStub(WorkerService(ADMIN, worker(), Admin)).told() == {"told": True}
    math = WorkerService(MATH, worker(), Default).with_props(encode({"of": [1]}))
    response = await ServiceStub(math).fetch("http://math/")
    assert await response.text() == "Default of math{'of': [1]}"


async def test_services_are_found_by_address_and_told_its_props() -> None:
    services = Services()
    (admin,) = services.add_program("math", worker(), {"Admin": Admin})
    assert services.find(ADMIN) is admin
    assert services.find(MATH) is None
    told = services.find(ADMIN._replace(props=encode({"a": 1})))
    assert told is not None
    assert await ServiceStub(told).told() == {"a": 1, "told": True}


async def test_what_is_told_no_props_is_found_with_any() -> None:
    services, plain = Services(), Noted()
    services.add(plain)
    assert services.find(plain.address._replace(props=encode({"a": 1}))) is plain
