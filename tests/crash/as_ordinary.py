"""Becomes an ordinary user in given control groups, and then the command perdure.

``python -m tests.crash.as_ordinary UID FOLDER GROUPS ARGUMENT...``: what a unit with a user and
``Delegate=yes`` does. FOLDER has to be in that user's reach; GROUPS are joined by ":".
"""

import os
import sys
from pathlib import Path

from perdure.runtime.sandbox.wall.seccomp import filter_program
from tests.runtime.sandbox.wall.warden import ROOT, become_ordinary


def main() -> None:
    uid, folder, groups, *arguments = sys.argv[1:]
    filter_program()  # as in the warden
    for group in filter(None, groups.split(":")):
        Path(group, "cgroup.procs").write_text("0")
    become_ordinary(int(uid), [Path(sys.base_prefix), Path(sys.prefix), ROOT, Path(folder)])
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, "-m", "perdure", *arguments])


if __name__ == "__main__":
    main()
