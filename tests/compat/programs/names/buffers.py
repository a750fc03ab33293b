"""Binary data: typed arrays, views of them, and text out of bytes."""

from js import ArrayBuffer, DataView, Int16Array, TextDecoder, Uint8Array
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        small = Uint8Array.new(to_js([1, 2, 3]))
        before = small.to_bytes().hex()
        small.assign(b"\x07\x08\x09")
        buffer = ArrayBuffer.new(4)
        view = DataView.new(buffer)
        view.setInt16(0, 258)
        text = Uint8Array.new(to_js([104, 105]))
        return Response.json(
            [
                before,
                small.to_bytes().hex(),
                small.length,
                small.to_py().tolist(),
                bytes(small.to_memoryview()).hex(),
                buffer.byteLength,
                Uint8Array.new(buffer).to_bytes().hex(),
                view.getInt16(0, True),
                Int16Array.new(to_js([1, -2])).to_py().tolist(),
                TextDecoder.new().decode(text),
                text.to_string(),
            ]
        )
