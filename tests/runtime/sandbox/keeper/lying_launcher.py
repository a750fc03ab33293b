"""A launcher whose agents lie: each starts the program that the settings name instead of ours.

``python lying_launcher.py "PING_S SILENT_S" LISTENING LIFE FOLDER``
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from perdure.runtime.sandbox.keeper.agent_link import Patience
from perdure.runtime.sandbox.keeper.housing import Need
from perdure.runtime.sandbox.keeper.launcher import Launcher
from perdure.runtime.sandbox.wall.errors import WallStands

LIAR = Path(__file__).with_name("liar.py")


class Unwalled:
    """A liar, as a keeper has its agent."""

    def __init__(self, popen: subprocess.Popen[bytes], *, stands: bool) -> None:
        self.popen = popen
        self.stands = stands
        self.pidfd = os.pidfd_open(popen.pid)

    def end(self, within_s: float = 2.0) -> str:
        if self.stands:
            raise WallStands("a wall that stands", [self.popen.pid])
        if self.popen.poll() is None:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        return f"status {self.popen.wait(within_s)}"

    def usage(self) -> Any:
        return {}


def start(need: Need) -> Unwalled:
    number = need.connection.fileno()
    command = [sys.executable, str(LIAR), str(number), str(need.settings["lie"])]
    popen = subprocess.Popen(command, pass_fds=[number], stdin=subprocess.DEVNULL)
    return Unwalled(popen, stands=bool(need.settings.get("stands")))


if __name__ == "__main__":
    Launcher(
        Path(sys.argv[4]),
        socket.socket(fileno=int(sys.argv[2])),
        int(sys.argv[3]),
        start,
        lambda name: Path(sys.argv[4], name, "cleaned up").touch(),
        patience=Patience(*map(float, sys.argv[1].split())),
    ).run()
