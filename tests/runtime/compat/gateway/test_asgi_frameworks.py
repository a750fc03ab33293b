"""The frameworks that people use, in a Worker."""

import aiohttp

from tests.serving import Serving

COUNTER = """
from perdure import DurableObject

class Counter(DurableObject):
    async def add(self, number):
        total = (await self.ctx.storage.get("n") or 0) + number
        await self.ctx.storage.put("n", total)
        return total
"""
FASTAPI = f"""
from contextlib import asynccontextmanager
from fastapi import BackgroundTasks, FastAPI, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from perdure.gateway import asgi
{COUNTER}

@asynccontextmanager
async def lifespan(app):
    yield {{"greeting": "from the lifespan"}}

app = FastAPI(lifespan=lifespan)
Default = asgi.entrypoint(app)
notes = []

class Item(BaseModel):
    name: str
    price: float

@app.get("/count/{{number}}")
async def count(number: int, env=asgi.env):
    return {{"total": await env.COUNTER.get_by_name("a").add(number)}}

@app.post("/items")
async def make(item: Item):
    return item

@app.post("/upload")
async def upload(file: UploadFile):
    return {{"name": file.filename, "size": len(await file.read())}}

@app.get("/thread")
def in_a_thread():
    import threading
    return threading.current_thread() is not threading.main_thread()

@app.get("/in-a-thread/{{number}}")
def count_in_a_thread(number: int, env=asgi.env):
    return {{"total": asgi.call(env.COUNTER.get_by_name("a").add, number)}}

@app.get("/wrong/{{number}}")
def count_wrongly(number: int, env=asgi.env):
    return {{"total": env.COUNTER.get_by_name("a").add(number)}}

@app.get("/count-later")
async def count_later(tasks: BackgroundTasks, env=asgi.env):
    tasks.add_task(env.COUNTER.get_by_name("a").add, 1)

@app.get("/lines")
async def lines():
    async def produce():
        for number in range(3):
            yield f"line {{number}}\\n"
    return StreamingResponse(produce())

@app.get("/later")
async def later(tasks: BackgroundTasks):
    tasks.add_task(notes.append, "done later")
    return notes

@app.get("/broken")
async def broken():
    raise ValueError("mine")

@app.websocket("/ws/{{room}}")
async def talk(socket: WebSocket, room: str, env=asgi.env):
    await socket.accept()
    try:
        while True:
            number = int(await socket.receive_text())
            await socket.send_json([room, await env.COUNTER.get_by_name(room).add(number)])
    except WebSocketDisconnect as gone:
        notes.append(gone.code)
"""


async def test_fastapi(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(FASTAPI, objects=["Counter"])
    for total in (3, 6):
        async with http.get(f"{server.url}/count/3") as response:
            assert await response.json() == {"total": total}
    async with http.get(f"{server.url}/count/x") as response:
        assert response.status == 422
    item = {"name": "pen", "price": 1.5}
    async with http.post(f"{server.url}/items", json=item) as response:
        assert await response.json() == item
    form = aiohttp.FormData()
    form.add_field("file", bytes(200_000), filename="big.bin")
    async with http.post(f"{server.url}/upload", data=form) as response:
        assert await response.json() == {"name": "big.bin", "size": 200_000}
    async with http.get(f"{server.url}/thread") as response:
        assert await response.json() is True
    async with http.get(f"{server.url}/lines") as response:
        assert await response.text() == "line 0\nline 1\nline 2\n"
    async with http.get(f"{server.url}/broken") as response:
        assert (response.status, await response.text()) == (500, "Internal Server Error")
    async with http.get(f"{server.url}/openapi.json") as response:
        assert "/count/{number}" in (await response.json())["paths"]


async def test_routes_in_threads_have_actors_called_on_the_loop(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(FASTAPI, objects=["Counter"])
    async with http.get(f"{server.url}/in-a-thread/3") as response:
        assert await response.json() == {"total": 3}
    async with http.get(f"{server.url}/wrong/3") as response:
        assert response.status == 500, "and nothing was added"
    async with http.get(f"{server.url}/in-a-thread/1") as response:
        assert await response.json() == {"total": 4}


async def test_a_call_of_an_actor_can_be_a_background_task(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    """Starlette asks whether the method is async: it is, though it is not written so."""
    server = await serve(FASTAPI, objects=["Counter"])
    async with http.get(f"{server.url}/count-later") as response:
        assert response.status == 200
    total = 0
    while not total:
        async with http.get(f"{server.url}/count/0") as response:
            total = (await response.json())["total"]
    assert total == 1


async def test_a_websocket_of_fastapi_calls_actors(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(FASTAPI, objects=["Counter"])
    async with http.ws_connect(f"{server.url}/ws/lobby") as socket:
        for total in (2, 4):
            await socket.send_str("2")
            assert await socket.receive_json() == ["lobby", total]


async def test_background_tasks_run_after_the_answer(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(FASTAPI, objects=["Counter"])
    notes = None
    while not notes:
        async with http.get(f"{server.url}/later") as response:
            notes = await response.json()
    assert set(notes) == {"done later"}


async def test_starlette_mounts_and_middleware(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve("""
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from perdure.gateway import asgi

async def where(request):
    return JSONResponse([str(request.url), request.scope["root_path"]])

async def long(request):
    return PlainTextResponse("a" * 10_000)

routes = [Mount("/inner", routes=[Route("/where", where)]), Route("/long", long)]
Default = asgi.entrypoint(Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)]))
""")
    async with http.get(f"{server.url}/inner/where?a=1") as response:
        assert await response.json() == [f"{server.url}/inner/where?a=1", "/inner"]
    async with http.get(f"{server.url}/long", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.text() == "a" * 10_000


async def test_flask(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve(
        f"""
from flask import Flask, jsonify, request, session
from perdure.gateway import wsgi
{COUNTER}
app = Flask("app")
app.secret_key = "secret"
Default = wsgi.entrypoint(app)

@app.post("/add/<int:number>")
def add(number):
    session["times"] = session.get("times", 0) + 1
    counter = request.environ["perdure.env"].COUNTER.get_by_name("a")
    total = request.environ["perdure.call"](counter.add, number)
    return jsonify(total=total, times=session["times"], form=request.form)

@app.get("/stream")
def stream():
    return (f"{{n}} " for n in range(3)), {{"Content-Type": "text/plain"}}
""",
        objects=["Counter"],
    )
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        for turn in (1, 2):
            async with client.post(f"{server.url}/add/5", data={"a": "ü"}) as response:
                told = await response.json()
                assert told == {"total": 5 * turn, "times": turn, "form": {"a": "ü"}}
    async with http.get(f"{server.url}/stream") as response:
        assert await response.text() == "0 1 2 "
    async with http.get(f"{server.url}/nowhere") as response:
        assert response.status == 404


async def test_django_by_both_interfaces(serve: Serving, http: aiohttp.ClientSession) -> None:
    server = await serve("""
import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path
from perdure import WorkerEntrypoint
from perdure.gateway import asgi, wsgi

async def told(request):
    return JsonResponse({"path": request.path, "form": request.POST.dict(),
                         "kind": type(request).__name__})

def stream(request):
    return StreamingHttpResponse(f"{n} " for n in range(3))

urlpatterns = [path("asgi/told", told), path("wsgi/told", told), path("wsgi/stream", stream)]
if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x")
django.setup(set_prefix=False)
by_asgi, by_wsgi = ASGIHandler(), WSGIHandler()

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.parsed_url.path.startswith("/asgi"):
            return await asgi.fetch(by_asgi, request, self.env)
        return await wsgi.fetch(by_wsgi, request, self.env)
""")
    for interface, kind in (("asgi", "ASGIRequest"), ("wsgi", "WSGIRequest")):
        url = f"{server.url}/{interface}/told"
        async with http.post(url, data={"a": "1"}) as response:
            told = await response.json()
        assert told == {"path": f"/{interface}/told", "form": {"a": "1"}, "kind": kind}
    async with http.get(f"{server.url}/wsgi/stream") as response:
        assert await response.text() == "0 1 2 "
