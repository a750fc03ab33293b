"""The class that programs bind; its parts have tests of their own."""

from perdure.actors.base import DurableObject
from perdure.actors.http import Request, Response
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes


async def test_a_class_that_derives_from_it_has_its_calls_and_its_own(boxes: Boxes) -> None:
    class Builder(Sandbox):
        async def build(self, source: str) -> str:
            await self.write_file("main.py", source)
            result = await self.exec("python3 main.py")
            self.ctx.storage.kv.put("builds", (self.ctx.storage.kv.get("builds") or 0) + 1)
            return result.stdout

        async def fetch(self, request: Request) -> Response:
            if request.url.endswith("/builds"):
                return Response(str(self.ctx.storage.kv.get("builds")))
            return await super().fetch(request)

    box = boxes.box(cls=Builder)
    assert await box.stub.build("print(6 * 7)") == "42\n"
    assert await (await box.fetch("http://x/builds")).text() == "1"
    assert (await box.fetch("http://x/other")).status == 404
    assert (await box.stub.exec("cat main.py")).stdout == "print(6 * 7)"
    assert issubclass(Builder, DurableObject)


async def test_two_of_them_share_nothing(boxes: Boxes) -> None:
    first, second = boxes.box("first"), boxes.box("second")
    for box in (first, second):
        await box.write_file("name", box.id)
        await box.start_process("python3 -m http.server 8080")
        await box.wait_for_port(8080, timeout=60)
    assert (await first.read_file("name")).content == first.id
    seen = (await second.exec("cat name; echo; ls /workspace")).stdout
    assert seen == f"{second.id}\nname\n"
