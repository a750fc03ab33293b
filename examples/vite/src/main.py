"""A playground: files in a sandbox, a Vite server beside them, and a page that edits and looks."""

from perdure import (
    Response,
    Sandbox,
    SandboxFileError,
    WorkerEntrypoint,
    get_sandbox,
    proxy_to_sandbox,
)

__all__ = ["Default", "Sandbox"]

PORT = 5173
FILES = ("src/view.js", "src/style.css", "src/main.js", "index.html")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        response = await proxy_to_sandbox(request, self.env)  # the site itself, at its own host
        if response is not None:
            return response
        url = request.parsed_url
        sandbox = get_sandbox(self.env.Sandbox, "site")
        if url.path == "/preview" and request.method == "POST":
            await sandbox.wait_for_port(PORT, timeout=60)  # startup.sh has started the server
            exposed = await sandbox.expose_port(PORT, hostname=url.authority)
            return Response.json({"url": exposed.url})
        if url.path == "/files" and request.method == "GET":
            return Response.json(FILES)
        name = url.path.removeprefix("/files/")
        if name not in FILES:
            return await self.env.ASSETS.fetch(request)
        try:
            if request.method == "PUT":
                await sandbox.write_file(f"/workspace/{name}", await request.text())
                return Response(None, status=204)
            return Response((await sandbox.read_file(f"/workspace/{name}")).content)
        except SandboxFileError as error:
            return Response(f"{error}\n", status=error.http_status)
