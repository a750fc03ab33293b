"""Bindings that nothing serves: found by who looks, told of to who uses them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.actors.rpc import decode_error, encode_error
from perdure.runtime.config.model import (
    DurableObjectBinding,
    ServiceBinding,
    UnservedBinding,
    WorkerConfig,
)
from perdure.runtime.config.unserved import KINDS
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.unserved import (
    ALTERNATIVES,
    BindingUnavailable,
    Unserved,
    unserved_values,
)
from tests.serving import Serving

BUCKET = UnservedBinding("BUCKET", "r2_buckets", "R2 bucket")
MAIN = """
from perdure import DurableObject, Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.parsed_url.path == "/actor":
            return Response(await self.env.ROOM.get_by_name("a").look())
        bucket = getattr(self.env, "BUCKET", None)
        try:
            await bucket.put("a", b"b")
        except Exception as error:
            return Response(f"{type(error).__name__}: {error}")

class Room(DurableObject):
    async def look(self):
        try:
            await self.env.AUTH.check("a")
        except Exception as error:
            return str(error)
"""


async def awaited(it: Any) -> None:
    await it


async def looped(it: Any) -> None:
    async for _ in it:
        pass


async def entered(it: Any) -> None:
    async with it:
        pass


USES: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda it: it.get,
    "call": lambda it: it("a", b=1),
    "item": lambda it: it["a"],
    "set item": lambda it: it.__setitem__("a", 1),
    "set": lambda it: setattr(it, "a", 1),
    "delete": lambda it: delattr(it, "a"),
    "in": lambda it: "a" in it,
    "len": len,
    "iter": list,
    "await": lambda it: awaited(it).send(None),
    "async for": lambda it: looped(it).send(None),
    "async with": lambda it: entered(it).send(None),
}


def config(**changes: Any) -> WorkerConfig:
    return WorkerConfig("chat", Path("main.py"), Path("wrangler.toml"), Path(), **changes)


@pytest.mark.parametrize("use", USES)
def test_whatever_is_done_with_it_says_what_is_missing(use: str) -> None:
    env = Env(unserved_values(config(unserved=[BUCKET])))
    with pytest.raises(BindingUnavailable) as raised:
        USES[use](env.BUCKET)
    assert str(raised.value) == (
        "the R2 bucket binding BUCKET is not available on perdure; keep small files in an actor's "
        "storage, or use an S3 client from PyPI (boto3)"
    )
    assert (raised.value.name, raised.value.kind) == ("BUCKET", "R2 bucket")


def test_who_looks_for_it_finds_it() -> None:
    env = Env(unserved_values(config(unserved=[BUCKET])))
    found = getattr(env, "BUCKET", None)
    assert isinstance(found, Unserved)
    assert found
    assert env.BUCKET is found
    assert {found: 1}[env.BUCKET] == 1
    assert repr(found) == "<R2 bucket BUCKET, not available on perdure>"
    assert not hasattr(found, "__wrapped__")


def test_another_workers_objects_and_services_are_named() -> None:
    values = unserved_values(
        config(
            services=[ServiceBinding("AUTH", "auth", "staging")],
            bindings=[
                DurableObjectBinding("ROOM", "Room", "chat"),
                DurableObjectBinding("HALL", "Hall", "other"),
            ],
        )
    )
    assert set(values) == {"AUTH", "HALL"}
    with pytest.raises(BindingUnavailable, match=r'service binding AUTH .* Worker "auth-staging"'):
        values["AUTH"].fetch("https://x/")
    with pytest.raises(BindingUnavailable, match=r'Durable Object binding HALL .* Worker "other"'):
        values["HALL"].get_by_name("a")


def test_every_alternative_is_for_a_key_there_is() -> None:
    assert set(ALTERNATIVES) <= set(KINDS)


def test_it_is_the_same_error_on_the_other_side_of_a_call() -> None:
    error = BindingUnavailable("BUCKET", "R2 bucket", "do without")
    again = decode_error(encode_error(error))
    assert isinstance(again, BindingUnavailable)
    assert (str(again), again.name) == (str(error), "BUCKET")


async def test_programs_are_told(serve: Serving) -> None:
    toml = '[[services]]\nbinding = "AUTH"\nservice = "auth"\n'
    written = serve.write(MAIN, objects=["Room"], toml=toml)
    server = await serve.start(replace(written, unserved=[BUCKET]))
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{server.url}/") as answer:
            text = await answer.text()
        assert text.startswith("BindingUnavailable: the R2 bucket binding BUCKET is not available")
        async with client.get(f"{server.url}/actor") as answer:
            text = await answer.text()
        assert text.startswith("the service binding AUTH is not available on perdure; start the")
