"""``ReadableStream``, ``WritableStream`` and ``TransformStream``.

A body of a native request or response is a ReadableStream here, and the other way round. Nothing
is read ahead: a source is asked when somebody reads, and a write into a TransformStream waits
until somebody does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from ....actors.body import BodyStream, StreamSource
from .buffers import JsBuffer, Uint8Array, bytes_of
from .errors import TypeError_, js_error
from .options import options_of
from .promises import Promise, as_error
from .proxies import JsProxy
from .pyproxies import unwrapped
from .values import JsDict, JsList

_LOCKED = "This ReadableStream is currently locked to a reader."
_WRITER_LOCKED = "This WritableStream is currently locked to a writer."


class Controller(JsProxy, js_name="ReadableStreamDefaultController"):
    """What a source fills its stream with."""

    def __init__(self, stream: "ReadableStream") -> None:
        self._stream = stream

    @property
    def desiredSize(self) -> int:
        return 1 - len(self._stream.chunks)

    def enqueue(self, chunk: Any) -> None:
        """Add a chunk."""
        self._stream.push(unwrapped(chunk))

    def close(self) -> None:
        """There is no more."""
        self._stream.end()

    terminate = close

    def error(self, reason: Any = None) -> None:
        """Reading fails from now on."""
        self._stream.fail(as_error(reason))


class ReadableStream(JsProxy):
    """``ReadableStream.new(start=..., pull=..., cancel=...)``; ``async for chunk in stream``."""

    def __init__(self, source: Any = None, strategy: Any = None, **more: Any) -> None:
        del strategy
        options = options_of(source, more, ("start", "pull", "cancel", "type"))
        self.chunks: deque[Any] = deque()
        self.native: StreamSource | BodyStream | None = None
        self.locked = False
        self.is_disturbed = False
        self._pull = unwrapped(options.get("pull"))
        self._cancel = unwrapped(options.get("cancel"))
        self._is_ended = False
        self._failure: BaseException | None = None
        self._news: asyncio.Future[None] | None = None
        self._wanted: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()
        self._controller = Controller(self)
        self._starting: Any = None
        start = unwrapped(options.get("start"))
        if start is not None:
            begun = start(self._controller)
            if hasattr(begun, "__await__"):
                self._starting = asyncio.ensure_future(begun)

    @classmethod
    def of(cls, source: StreamSource | BodyStream) -> "ReadableStream":
        """The stream of a native body."""
        self = cls()
        self.native = source
        return self

    # For sources.

    def push(self, chunk: Any) -> None:
        """Add a chunk."""
        if self._is_ended:
            raise TypeError_("Can't enqueue into a stream that is closed.")
        self.chunks.append(chunk)
        self._tell()

    def end(self) -> None:
        """There is no more after what is queued."""
        self._is_ended = True
        self._tell()

    def fail(self, error: BaseException) -> None:
        """Reading fails from now on."""
        self.chunks.clear()
        self._failure, self._is_ended = error, True
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    async def wait_for_reader(self) -> None:
        """Return when somebody waits for a chunk.

        Raises:
            JsException: Nobody will read any more.
        """
        while not (self._is_ended or self._news is not None):
            if self._wanted is None:
                self._wanted = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._wanted)
        if self._is_ended:
            raise self._failure or TypeError_("This stream has been closed.")

    # For readers.

    async def next_chunk(self) -> tuple[bool, Any]:
        """Whether there is no more, and the chunk."""
        self.is_disturbed = True
        async with self._turn:
            if self._starting is not None:
                await asyncio.shield(self._starting)
            if not self.chunks and not self._is_ended:
                if self.native is not None:
                    return await self._native_chunk(self.native)
                if self._pull is not None:
                    await self._pulled(self._pull)
            while not self.chunks and not self._is_ended:
                await self._hear()
            if self.chunks:
                return False, self.chunks.popleft()
            if self._failure is not None:
                raise self._failure
            return True, None

    async def _native_chunk(self, source: StreamSource | BodyStream) -> tuple[bool, Any]:
        chunk = await source.read_chunk()
        if chunk:
            return False, Uint8Array(chunk)
        self._is_ended = True
        return True, None

    async def _pulled(self, pull: Callable[..., Any]) -> None:
        try:
            result = pull(self._controller)
            if hasattr(result, "__await__"):
                await result
        except Exception as error:
            self.fail(js_error(error))

    async def _hear(self) -> None:
        self._news = news = asyncio.get_running_loop().create_future()
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        self._wanted = None
        await news

    def getReader(self, options: Any = None, **more: Any) -> "Reader":
        """The one who may read from now on."""
        del options, more
        if self.locked:
            raise TypeError_(_LOCKED)
        return Reader(self)

    def cancel(self, reason: Any = None) -> Promise:
        """Nobody will read on."""
        if self.locked:
            return Promise.reject(TypeError_(_LOCKED))
        return self.let_go(reason)

    def let_go(self, reason: Any) -> Promise:
        """For the reader: likewise."""
        self.is_disturbed = True
        self.chunks.clear()
        is_first, self._is_ended = not self._is_ended, True
        self._tell()
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        if self.native is not None:
            self.native.cancel()
        elif self._cancel is not None and is_first:
            result = self._cancel(reason)
            if hasattr(result, "__await__"):
                return Promise.begun(result)
        return Promise.resolve(None)

    async def __aiter__(self) -> AsyncIterator[Any]:
        reader = self.getReader()
        try:
            while True:
                is_done, chunk = await self.next_chunk()
                if is_done:
                    return
                yield chunk
        finally:
            reader.releaseLock()

    values = __aiter__

    def tee(self) -> JsList:
        """Two streams of the same chunks; what one has read waits for the other."""
        reader = self.getReader()
        branches: list[ReadableStream] = []

        async def pull(controller: Controller) -> None:
            del controller
            result = await reader.read()
            for branch in branches:
                if result.done:
                    branch.end()
                elif not branch._is_ended:  # noqa: SLF001  # of this class
                    branch.push(result.value)

        branches += [ReadableStream(pull=pull), ReadableStream(pull=pull)]
        return JsList(branches)

    def pipeTo(self, destination: "WritableStream", options: Any = None, **more: Any) -> Promise:
        """Write all chunks, and close it unless ``preventClose`` is said."""
        settings = options_of(options, more, ("preventClose",))

        async def run() -> None:
            writer = destination.getWriter()
            try:
                async for chunk in self:
                    await writer.write(chunk)
            except Exception as error:
                await writer.abort(error)
                raise
            if not settings.get("preventClose"):
                await writer.close()
            writer.releaseLock()

        return Promise.begun(run())

    def pipeThrough(self, transform: Any, options: Any = None, **more: Any) -> "ReadableStream":
        """What ``transform`` makes of it."""
        self.pipeTo(transform.writable, options, **more)
        readable: ReadableStream = transform.readable
        return readable

    def take_source(self) -> StreamSource:
        """Use the stream up as the body of a native request or response."""
        if self.locked or self.is_disturbed:
            raise TypeError_(_LOCKED if self.locked else "This ReadableStream has been read.")
        self.locked = True
        if isinstance(self.native, BodyStream):
            return self.native.take()
        return ChunkSource(self) if self.native is None else self.native


def _from_items(items: Any) -> ReadableStream:
    chunks = aiter(items) if hasattr(items, "__aiter__") else iter(items)

    async def pull(controller: Controller) -> None:
        try:
            chunk = await anext(chunks) if hasattr(chunks, "__anext__") else next(chunks)
        except (StopIteration, StopAsyncIteration):
            controller.close()
        else:
            controller.enqueue(chunk)

    return ReadableStream(pull=pull)


setattr(ReadableStream, "from", staticmethod(_from_items))  # Python's keyword


class ChunkSource:
    """A stream as the source of a native body: its chunks have to be bytes. A StreamSource."""

    def __init__(self, stream: ReadableStream) -> None:
        self._stream = stream

    async def read_chunk(self) -> bytes:
        while True:
            is_done, chunk = await self._stream.next_chunk()
            if is_done:
                return b""
            if not isinstance(chunk, JsBuffer | bytes | bytearray | memoryview):
                raise TypeError_("This ReadableStream did not return bytes.")
            if data := bytes_of(chunk):
                return data

    def cancel(self, reason: BaseException | None = None) -> None:
        self._stream.let_go(reason)


class Reader(JsProxy, js_name="ReadableStreamDefaultReader"):
    """``await reader.read()`` gives ``done`` and ``value``."""

    def __init__(self, stream: ReadableStream) -> None:
        stream.locked = True
        self._stream: ReadableStream | None = stream

    def _its(self) -> ReadableStream:
        if self._stream is None:
            raise TypeError_("This ReadableStream reader has been released.")
        return self._stream

    def read(self) -> Promise:
        return Promise.of(self._read(self._its()))

    async def _read(self, stream: ReadableStream) -> JsDict:
        is_done, chunk = await stream.next_chunk()
        return JsDict({"done": is_done, "value": chunk})

    def cancel(self, reason: Any = None) -> Promise:
        return self._its().let_go(reason)

    def releaseLock(self) -> None:
        """Let others read."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.locked = False


class WritableStream(JsProxy):
    """``WritableStream.new(write=..., close=..., abort=...)``; ``getWriter()`` writes."""

    def __init__(self, sink: Any = None, strategy: Any = None, **more: Any) -> None:
        del strategy
        options = options_of(sink, more, ("start", "write", "close", "abort"))
        self.locked = False
        self.is_closed = False
        self._sink = {name: unwrapped(call) for name, call in options.items()}
        self._turn = asyncio.Lock()
        self._controller = JsDict()
        if (start := self._sink.get("start")) is not None:
            start(self._controller)

    def tell(self, name: str, *arguments: Any) -> Promise:
        """For the writer: call the sink, after all that was called before."""
        if self.is_closed and name != "abort":
            return Promise.reject(TypeError_("This WritableStream has been closed."))
        self.is_closed = self.is_closed or name != "write"
        return Promise.begun(self._tell(name, arguments))

    async def _tell(self, name: str, arguments: tuple[Any, ...]) -> None:
        async with self._turn:
            call = self._sink.get(name)
            if call is not None:
                result = call(*arguments)
                if hasattr(result, "__await__"):
                    await result

    def getWriter(self) -> "Writer":
        """The one who may write from now on."""
        if self.locked:
            raise TypeError_(_WRITER_LOCKED)
        return Writer(self)

    def close(self) -> Promise:
        return self.tell("close")

    def abort(self, reason: Any = None) -> Promise:
        return self.tell("abort", reason)


class Writer(JsProxy, js_name="WritableStreamDefaultWriter"):
    """Writes chunks; each promise is fulfilled when its chunk was taken."""

    desiredSize = 1

    def __init__(self, stream: WritableStream) -> None:
        stream.locked = True
        self._stream: WritableStream | None = stream
        self._last = Promise.resolve(None)

    def _its(self) -> WritableStream:
        if self._stream is None:
            raise TypeError_("This WritableStream writer has been released.")
        return self._stream

    @property
    def ready(self) -> Promise:
        return Promise.resolve(None)

    @property
    def closed(self) -> Promise:
        """Fulfilled when it was closed, if it has been asked to."""
        return self._last

    def write(self, chunk: Any = None) -> Promise:
        return self._its().tell("write", unwrapped(chunk))

    def close(self) -> Promise:
        self._last = self._its().tell("close")
        return self._last

    def abort(self, reason: Any = None) -> Promise:
        return self._its().tell("abort", reason)

    def releaseLock(self) -> None:
        """Let others write."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.locked = False


class TransformStream(JsProxy):
    """``readable`` gives what is written to ``writable``, as ``transform`` changes it."""

    def __init__(self, transformer: Any = None, *strategies: Any, **more: Any) -> None:
        del strategies
        options = options_of(transformer, more, ("start", "transform", "flush"))
        self._transform = unwrapped(options.get("transform"))
        self._flush = unwrapped(options.get("flush"))
        self.readable = ReadableStream(start=options.get("start"))
        self._controller = Controller(self.readable)
        self.writable = WritableStream(write=self._write, close=self._close, abort=self._abort)

    async def _write(self, chunk: Any) -> None:
        await self.readable.wait_for_reader()
        if self._transform is None:
            self.readable.push(chunk)
            return
        result = self._transform(chunk, self._controller)
        if hasattr(result, "__await__"):
            await result

    async def _close(self) -> None:
        if self._flush is not None:
            result = self._flush(self._controller)
            if hasattr(result, "__await__"):
                await result
        self.readable.end()

    def _abort(self, reason: Any = None) -> None:
        self.readable.fail(as_error(reason))
