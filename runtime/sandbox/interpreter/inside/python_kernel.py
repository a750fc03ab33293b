"""Python, as ipykernel runs it: started and spoken to by jupyter_client."""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import sys
from typing import Any

from .kernel import (
    LOOK_EVERY_S,
    Emit,
    Json,
    KernelDied,
    Refused,
    Surroundings,
    kill_group,
    status_of,
)
from .mime import result_of

# What its process runs. It ends with the host, and it is the first to go when memory is short:
# then the host can tell of it. What it sends is never thrown away because somebody reads slowly,
# for the message that a run has ended is among it. Modules are looked for in the folder in which it
# runs, too, behind Python's own: newer versions of IPython leave that out because of -P.
PROGRAM = """
import ctypes, sys
ctypes.CDLL(None).prctl(1, 9)
try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("900")
except OSError:
    pass
sys.path.extend({packages!r})
from ipykernel.kernelapp import IPKernelApp
class App(IPKernelApp):
    def init_iopub(self, context):
        context.sndhwm = 0
        super().init_iopub(context)
    def init_path(self):
        super().init_path()
        if "" not in sys.path:
            folders = (n for n, path in enumerate(sys.path) if path.endswith("-packages"))
            sys.path.insert(next(folders, len(sys.path)), "")
App.launch_instance()
"""
NAME = "perdure"
_REPLY_WITHIN_S = 5.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(r"(?:Cell In\[\d+\]|<ipython-input-[^>]*>), line (\d+)")
_SHOWN = {"execute_result", "display_data", "update_display_data"}
MISSING = (
    "Python code needs ipykernel and jupyter_client, and the server's Python has none: "
    "pip install 'perdure[interpreter]', and start the server again"
)


class PythonKernel:
    """One process of ipykernel's."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._manager: Any = None
        self._client: Any = None
        self._pid = 0
        self._count: int | None = None

    async def start(self, timeout_s: float) -> None:
        """Start it. See ``Kernel``."""
        for path in self._around.packages:
            if path not in sys.path:
                sys.path.append(path)
        # Where it keeps what: nothing of that in the user's folder.
        os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
        os.environ["JUPYTER_RUNTIME_DIR"] = self._around.folder
        try:
            from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415  # see MISSING
            from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415
        except ImportError:
            raise Refused("PYTHON_NOT_AVAILABLE", MISSING) from None
        specs = self._write_spec()
        where = {"transport": "ipc", "ip": self._inside("k")} if self._around.is_short else {}
        self._manager = AsyncKernelManager(
            kernel_name=NAME,
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[specs]),
            connection_file=self._inside("connection.json"),
            **where,
        )
        try:
            await self._begin(timeout_s)
        except Exception as error:
            await self.kill()
            text = f"Python did not start: {type(error).__name__}: {error}"
            raise Refused("INTERPRETER_NOT_READY", text) from None
        except BaseException:  # who asked is gone
            await self.kill()
            raise

    async def _begin(self, timeout_s: float) -> None:
        with open(self._inside("output"), "wb") as output:  # noqa: ASYNC230, PTH123  # a local file
            await self._manager.start_kernel(
                cwd=self._around.cwd,
                env=self._environment(),
                stdout=output,
                stderr=output,
            )
        self._pid = self._manager.provisioner.pid
        self._client = self._manager.client()
        self._client.context.rcvhwm = 0  # as in PROGRAM
        self._client.start_channels()
        try:
            await self._client.wait_for_ready(timeout=timeout_s)
        except RuntimeError:
            with open(self._inside("output"), errors="replace") as output:  # noqa: ASYNC230, PTH123
                said = output.read().strip()
            raise RuntimeError(said[-2000:] or f"it is not ready after {timeout_s:g} s") from None

    async def execute(self, code: str, emit: Emit) -> int | None:
        """Run code. See ``Kernel``."""
        asked = self._client.execute(code, allow_stdin=False)
        while True:
            try:
                message = await self._client.get_iopub_msg(timeout=LOOK_EVERY_S)
            except queue.Empty:
                self._check_alive()
                continue
            if message["parent_header"].get("msg_id") != asked:
                continue  # of a thread that an earlier run has left behind
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            event = self._event(kind, content)
            if event is not None:
                emit(event)
        await self._replied(asked)
        return self._count

    async def _replied(self, asked: str) -> None:
        while True:
            try:
                reply = await self._client.get_shell_msg(timeout=_REPLY_WITHIN_S)
            except queue.Empty:
                self._check_alive()
                continue
            if reply["parent_header"].get("msg_id") == asked:
                self._count = reply["content"].get("execution_count", self._count)
                return

    def _check_alive(self) -> None:
        status = status_of(self._pid)
        if status is not None:
            raise KernelDied(status)

    def _event(self, kind: str, content: Json) -> Json | None:
        if kind == "stream":
            return {"type": content["name"], "text": content["text"]}
        if kind in _SHOWN:
            event = result_of(content["data"])
            event["metadata"] = content.get("metadata") or {}
            event["execution_count"] = content.get("execution_count")
            event["display_id"] = (content.get("transient") or {}).get("display_id")
            event["is_update"] = kind == "update_display_data"
            return event
        if kind == "error":
            lines = [_COLOURS.sub("", line) for line in content["traceback"]]
            found = _LINE.findall("\n".join(lines))
            return {
                "type": "error",
                "ename": content["ename"],
                "evalue": content["evalue"],
                "traceback": lines,
                "line_number": int(found[-1]) if found else None,
            }
        return None

    async def interrupt(self) -> None:
        """Interrupt it. See ``Kernel``."""
        with contextlib.suppress(ProcessLookupError):
            await self._manager.provisioner.send_signal(signal.SIGINT)

    async def kill(self) -> None:
        """Kill it. See ``Kernel``."""
        manager, self._manager = self._manager, None
        if manager is None or not manager.has_kernel:
            return
        if self._client is not None:
            self._client.stop_channels()
        kill_group(self._pid)
        await manager.shutdown_kernel(now=True)
        shutil.rmtree(self._around.folder, ignore_errors=True)

    # ---- files

    def _inside(self, name: str) -> str:
        return f"{self._around.folder}/{name}"

    def _environment(self) -> dict[str, str]:
        return {
            "MPLCONFIGDIR": self._inside("matplotlib"),  # else a font cache in the user's folder
            **self._around.environment,
            "IPYTHONDIR": self._inside("ipython"),
            "JUPYTER_RUNTIME_DIR": self._around.folder,
            "JUPYTER_PLATFORM_DIRS": "1",
        }

    def _write_spec(self) -> str:
        program = PROGRAM.format(packages=self._around.packages)
        options = ["-f", "{connection_file}", "--HistoryManager.enabled=False"]
        spec = {
            # -P: no module of the user's stands for one of ours while it starts.
            "argv": [sys.executable, "-P", "-c", program, *options],
            "display_name": "Python",
            "language": "python",
        }
        folder = self._inside(f"kernels/{NAME}")
        os.makedirs(folder)  # noqa: PTH103  # as the others do
        with open(f"{folder}/kernel.json", "w") as file:  # noqa: PTH123  # as above
            json.dump(spec, file)
        return self._inside("kernels")
