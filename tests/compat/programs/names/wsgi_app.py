"""A WSGI application, and the Worker in front of it."""

from workers import WorkerEntrypoint, wsgi


def app(environ, start_response):
    length = int(environ["CONTENT_LENGTH"] or 0)
    start_response("203 Taken", [("Content-Type", "text/plain")])
    text = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} "
    return [text.encode(), environ["wsgi.input"].read(length)]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(app, request.js_object, self.env)
