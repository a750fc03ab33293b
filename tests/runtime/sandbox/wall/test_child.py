"""What a program finds of the process that started it: nothing."""

import json

import pytest

from .conftest import PYTHON, Warden, apart

LIBCS_OWN = 1 << 31 | 1 << 32  # signals 32 and 33, which posix_spawn may leave ignored
SEEN = r"""
import json, os, signal
def opened():
    for number in range(1024):
        try:
            os.fstat(number)
        except OSError:
            continue
        yield number
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "descriptors": list(opened()),
    "ignored": int(status["SigIgn"], 16),
    "blocked": int(status["SigBlk"], 16),
    "environment": sorted(name.split("=")[0] for name in open("/proc/self/environ").read().split("\0") if name),
    "session": os.getsid(0),
    "groups": os.getgroups(),
    "umask": os.umask(0),
    "new privileges": status["NoNewPrivs"].strip(),
    "filters": status["Seccomp"].strip(),
    "capabilities": {status[name].strip() for name in status if name.startswith("Cap")} == {"0" * 16},
    "first environment": open("/proc/1/environ").read(),
    "written": [path for path in ("/", "/etc", "/usr", "/dev", "/run", "/var", "/proc")
                if os.access(path, os.W_OK)],
}, default=list))
"""


def test_a_program_behind_a_wall_inherits_nothing(warden: Warden) -> None:
    ran = warden.run(PYTHON, "-I", "-S", "-c", SEEN)
    told = json.loads(ran["output"])
    python_ignores = 1 << 12 | 1 << 24  # SIGPIPE and SIGXFSZ: it ignores them at its own start
    assert told["ignored"] & ~python_ignores & ~LIBCS_OWN == 0
    assert told | {"ignored": 0} == {
        "descriptors": [0, 1, 2],
        "ignored": 0,
        "blocked": 0,
        "environment": ["HOME", "PATH", "PWD"],
        "session": 1,
        "groups": [],
        "umask": 0o022,
        "new privileges": "1",
        "filters": "2",
        "capabilities": True,
        "first environment": "",
        "written": [],
    }


def test_signals_are_handled_as_they_are_by_default(warden: Warden) -> None:
    ran = warden.run("/bin/sh", "-c", "grep SigIgn /proc/self/status; yes | head -1")
    _, ignored, line = ran["output"].split()
    assert int(ignored, 16) & ~LIBCS_OWN == 0
    assert line == "y"


@pytest.mark.parametrize(
    "numbers", ["{0: r, 1: w, 2: w}", "{0: w, 1: r, 2: r, 7: w}", "{5: r, 3: w, 2: r}"]
)
def test_descriptors_come_to_their_places_whatever_they_were(numbers: str) -> None:
    told = apart(f"""
        from perdure.runtime.sandbox.wall.child import place_descriptors
        r, w = os.pipe()
        kept, out = os.dup(1), os.pipe()
        wanted = {numbers}
        before = {{number: os.fstat(at).st_ino for number, at in wanted.items()}}
        child = os.fork()
        if child == 0:
            import fcntl
            failure = fcntl.fcntl(out[1], fcntl.F_DUPFD, 600)
            place_descriptors(wanted, failure)
            there = [int(name) for name in os.listdir("/proc/self/fd")]
            there.remove(max(n for n in there if n != failure and n not in wanted))  # the listing's
            ok = sorted(there) == sorted([*wanted, failure])
            ok = ok and all(os.fstat(n).st_ino == ino for n, ino in before.items())
            os.write(failure, b"fine" if ok else repr(there).encode())
            os._exit(0)
        os.wait()
        tell(os.read(out[0], 1000).decode())
    """)
    assert told == "fine"


@pytest.mark.usefixtures("as_root")
def test_a_step_that_fails_is_told_and_there_is_no_program() -> None:
    told = apart("""
        from perdure.runtime.sandbox.wall.child import Start, become
        failure, there = os.pipe()
        start = Start(argv=("/bin/echo", "started"), environment={}, descriptors={0: 0, 1: 1, 2: 2},
                      failure=there, parent=os.getpid(), uid=210_000,
                      staged={"/nowhere/at/all": "/mnt/0"})
        child = os.fork()
        if child == 0:
            become(start)
        os.close(there)
        tell([os.waitstatus_to_exitcode(os.wait()[1]), os.read(failure, 1000).decode()])
    """)
    assert told[0] == 127
    assert "/nowhere/at/all" in told[1]
