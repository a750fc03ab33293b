"""The two programs that are compared, as processes: perdure and workerd."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
START_TIMEOUT_S = 30.0


class Missing(Exception):
    """A program that a comparison needs is not installed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Subject:
    """A running server and what it costs.

    Attributes:
        name: "perdure" or "workerd".
        port: Where it listens.
        start_s: Seconds from spawning it to its first answer.
    """

    def __init__(self, name: str, command: list[str], cwd: Path, port: int) -> None:
        self.name = name
        self.port = port
        started = time.perf_counter()
        self._log = (cwd / f"{name}.log").open("w")
        self._process = subprocess.Popen(command, cwd=cwd, stdout=self._log, stderr=self._log)
        try:
            self._wait_for_answer()
        except BaseException:
            self.stop()
            raise
        self.start_s = time.perf_counter() - started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _wait_for_answer(self) -> None:
        deadline = time.perf_counter() + START_TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/plain", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                if self._process.poll() is not None or time.perf_counter() > deadline:
                    raise RuntimeError(f"{self.name} did not start; see its log") from None
                time.sleep(0.002)

    def cpu_s(self) -> float:
        """Processor time used so far, by the process and its children."""
        return sum(_cpu_s(pid) for pid in self._pids())

    def memory_kib(self) -> int:
        """Proportional set size, of the process and its children."""
        return sum(_memory_kib(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None, "smaps_rollup has a Pss line"
    return int(found[1])


def start_perdure(folder: Path, workers: int = 0, app: str = "app") -> Subject:
    """One process with everything; with ``workers`` a router and so many of them.

    Args:
        folder: For its data and its log.
        workers: How many.
        app: The folder beside this file with the program.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "perdure", "serve", "-c", str(HERE / app / "wrangler.toml"),
        "--port", str(port), "--data", str(folder / "data"),
        "--workers", str(workers),
    ]  # fmt: skip
    return Subject("perdure", command, folder, port)


def find_workerd() -> str:
    """The peer's program: on the path, or where ``npm install workerd`` puts it here."""
    local = HERE.parent / "node_modules/.bin/workerd"
    found = shutil.which("workerd") or (str(local) if local.exists() else None)
    if found is None:
        raise Missing("workerd is not installed (npm install --no-save workerd)")
    return found


def start_workerd(folder: Path) -> Subject:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    port, other = free_port(), free_port()
    config = (HERE / "peer/config.capnp").read_text()
    config = config.replace(":8787", f":{port}").replace(":8788", f":{other}")
    (folder / "config.capnp").write_text(config)
    for name in ("worker.js", "plain.js"):
        shutil.copy(HERE / "peer" / name, folder)
    return Subject("workerd", [find_workerd(), "serve", "config.capnp"], folder, port)


STARTERS = {"perdure": start_perdure, "workerd": start_workerd}


@contextlib.contextmanager
def both(folder: Path) -> Iterator[dict[str, Subject]]:
    """Both servers, running; stopped at the end."""
    running: dict[str, Subject] = {}
    try:
        for name, start in STARTERS.items():
            running[name] = start(folder / name)
        yield running
    finally:
        for subject in running.values():
            subject.stop()
