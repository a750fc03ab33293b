"""An ASGI application that knows nothing of Workers, and the Worker in front of it."""

from workers import WorkerEntrypoint, asgi, env

GREETING_AT_IMPORT = env.GREETING


async def app(scope, receive, send):
    event = await receive()
    text = f"{scope['method']} {scope['path']} {scope['env'].GREETING} {GREETING_AT_IMPORT} "
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + event["body"]})


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request.js_object, self.env)
