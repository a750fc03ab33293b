import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.sandbox.sandboxes import is_alive, until

pytestmark = pytest.mark.slow

# A process of its own: whoever adopts orphans goes on doing it.
PARENT = """
import os, subprocess, sys, time
from perdure.runtime.sandbox.descendants import adopt_orphans, descendants, kill_descendants
folder = sys.argv[1]
adopt_orphans()
spared = subprocess.Popen(["bash", "-c", "sleep 1000 & echo > d; wait"], cwd=folder)
tree = subprocess.Popen(["bash", "-c", "setsid bash -c 'sleep 1000 & echo $$ > a; wait' & exit"], cwd=folder)
deaf = subprocess.Popen(["bash", "-c", "trap '' TERM HUP INT; sleep 1000 & echo $$ > b; wait"], cwd=folder)
forks = subprocess.Popen(["bash", "-c", "echo $$ > c; while :; do (sleep 1000; :) & sleep 0.001; done"], cwd=folder)
def is_written(name):
    return os.path.exists(f"{folder}/{name}") and os.path.getsize(f"{folder}/{name}")
while not all(map(is_written, "abcd")):
    time.sleep(0.01)
def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
killed = kill_descendants({spared.pid}, within_s=60, reap=reap)
left = set(descendants(os.getpid()))
print(killed >= 5, spared.pid in left, len(left), set(descendants(os.getpid(), {spared.pid})))
kill_descendants(within_s=60, reap=reap)
print(set(descendants(os.getpid())))
"""
DIES = """
import subprocess, sys, time
from perdure.runtime.sandbox.descendants import die_with_parent
child = subprocess.Popen(["sleep", "1000"], preexec_fn=die_with_parent)
print(child.pid, flush=True)
time.sleep(1000)
"""


def test_all_below_are_killed_daemons_and_what_they_fork_and_nobody_else(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        command = [sys.executable, "-c", PARENT, str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert run.stdout.splitlines() == ["True True 2 set()", "set()"]
        for name in "abc":
            assert not is_alive(int((tmp_path / name).read_text()))
        assert bystander.poll() is None
        bystander.kill()


def test_who_dies_with_its_parent_does() -> None:
    command = [sys.executable, "-c", DIES]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    until(lambda: not is_alive(child))
