"""Forms as they come in, and forms, blobs and files as they are made."""

import js
import workers
from js import URL
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = URL.new(request.url).pathname
        if path == "/sdk":
            form = await request.form_data()
            return Response.json([form["name"], form.get_all("name")])
        if path == "/upload":
            form = await request.form_data()
            file = form["file"]
            return Response.json([file.name, file.content_type, file.size, await file.text()])
        if path == "/js":
            form = await request.js_object.formData()
            return Response(form.get("name"))
        form = js.FormData.new()
        form.append("a", "1")
        blob = js.Blob.new(to_js(["ab", "c"]), type="text/plain")
        file = js.File.new(to_js(["xy"]), "n.txt")
        python = workers.Blob(["hi", b"!"], content_type="text/x-own")
        dictionary = workers.FormData({"k": "v"})
        return Response.json(
            [
                form.get("a"),
                [blob.size, blob.type, await blob.text()],
                [file.name, file.size],
                [python.size, python.content_type, await python.text()],
                dictionary["k"],
            ]
        )
