"""Each attack succeeds without a wall, and is stopped by the wall's limit that the table names."""

import ast
import platform
import shutil
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.wall.cgroups import layout

from .attack_table import ATTACKS, GROUP_CPU, GROUP_MEMORY, GROUP_PIDS, Attack
from .conftest import GROUP, Warden

HERE = Path(__file__).parent
DOCS = Path(__file__).parents[4] / "docs/sandbox.md"
LIMITS = {
    "memory_bytes": 64 << 20,
    "processes": 64,
    "file_bytes": 16 << 20,
    "temporary_bytes": 8 << 20,
    "open_files": 256,
}
CORES = 0.05
COUNTERS = {
    GROUP_PIDS: "forks_refused",
    GROUP_MEMORY: "out_of_memory_kills",
    GROUP_CPU: "cpu_throttled",
}


def test_every_attack_is_in_the_table() -> None:
    programs = [
        function.name
        for path in (HERE / "attacks").glob("*.py")
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef)
        and [argument.arg for argument in function.args.args] == ["outside"]
    ]
    assert sorted(programs) == sorted([*ATTACKS, "daemon_left_behind"])


def test_the_documents_say_what_the_table_says() -> None:
    rows = [line.strip("| ").split(" | ") for line in DOCS.read_text().splitlines()]
    told = {row[0].strip("`"): row[1:] for row in rows if row[0].strip("`") in ATTACKS}
    assert told == {
        name: [attack.does, attack.stopped_by, attack.sees] for name, attack in ATTACKS.items()
    }


@pytest.mark.parametrize("name", ATTACKS)
def test_a_wall_stops(name: str, warden: Warden, record_property: Any) -> None:
    """What the same program can do without one."""
    attack = ATTACKS[name]
    if attack.root_only and warden.who != "root":
        pytest.skip("only root could do it, wall or not")
    facts, options = circumstances(name, warden)
    without = warden.attack(name, isolation="none", facts=facts[0], **options)
    assert (attack.takes or warden.canary) in without["told"].get("took", ""), without
    behind = warden.attack(name, facts=facts[1], limits=limits(attack), **options)
    assert behind["told"].get("stopped") == attack.sees, behind
    assert warden.canary not in str(behind)
    if attack.stopped_by in COUNTERS:
        assert behind["usage"][COUNTERS[attack.stopped_by]] > 0
    record_property("stopped by", attack.stopped_by)


def limits(attack: Attack) -> dict[str, object]:
    return LIMITS | ({"cpu_cores": CORES} if attack.stopped_by == GROUP_CPU else {})


def circumstances(name: str, warden: Warden) -> tuple[list[dict[str, str]], dict[str, object]]:
    """What an attack knows without a wall and with one, and how it is started."""
    facts: dict[str, str] = {}
    if name == "setuid_program":
        program = warden.tools / "id"
        shutil.copy("/usr/bin/id", program)
        program.chmod(0o4755)
        return [{"setuid": str(program)}, {"setuid": "/tools/id"}], {}
    if name == "control_group_left":
        group = next(iter(layout().bases.values()))
        facts["group"] = str(group / GROUP if warden.groups else group)
    if name == "release_agent_set":
        agents = [base / "release_agent" for base in layout().bases.values()]
        there = [agent for agent in agents if agent.exists()]
        if not there:
            pytest.skip("there are no control groups of version 1 here, to set an agent of")
        facts["release_agent"] = str(there[0])
    if name == "system_call_of_32_bits" and platform.machine() != "x86_64":
        pytest.skip("only x86_64 has this other ABI")
    if name == "core_file" and Path("/proc/sys/kernel/core_pattern").read_text().startswith("|"):
        pytest.skip("core files go to a program here, not to a folder")
    if name == "terminal_typed_into":
        allowed = Path("/proc/sys/dev/tty/legacy_tiocsti")
        if warden.who != "root" and allowed.exists() and allowed.read_text().strip() == "0":
            pytest.skip("this kernel refuses it to ordinary users anyway")
    return [facts, facts], {"terminal": name == "terminal_typed_into"}


def test_a_daemon_does_not_survive_its_sandbox(warden: Warden) -> None:
    """Not even one in a session of its own, whose parents have ended, and that hears no SIGTERM."""
    daemon = f"attack-{warden.outside['mark'][:6]}"
    facts = {"daemon": daemon}
    assert "took" in warden.attack("daemon_left_behind", isolation="none", facts=facts)["told"]
    left = processes_named(daemon)
    assert len(left) == 1
    warden.kill(left[0])
    assert "took" in warden.attack("daemon_left_behind", facts=facts)["told"]
    assert processes_named(daemon) == []


def processes_named(name: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            comm, state = (folder / "stat").read_text().split("(", 1)[1].rsplit(") ", 1)
        except OSError:
            continue  # it has ended meanwhile
        if comm == name and state[0] != "Z":
            found.append(int(folder.name))
    return found
