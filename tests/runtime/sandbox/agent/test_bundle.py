import ast
import subprocess
import sys
from pathlib import Path

from perdure.runtime.sandbox.agent.bundle import FOLDER, MODULES, agent_program

OUTSIDE = {"agent.bundle"}  # makes the bundle


def names() -> set[str]:
    return {f"agent.{path.stem}" for path in (FOLDER / "agent").glob("*.py")} - {"agent.__init__"}


def test_all_modules_of_the_agent_are_in_it() -> None:
    assert {name for name in MODULES if name.startswith("agent.")} == names() - OUTSIDE
    assert len(set(MODULES)) == len(MODULES)


def test_they_import_the_standard_library_and_each_other_only_in_that_order() -> None:
    seen = set[str]()
    for module in MODULES:
        path = FOLDER.joinpath(*module.split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).split(".")[0] in sys.stdlib_module_names
                if node.module == "typing":
                    assert {alias.name for alias in node.names} <= {"Any", "Final", "Protocol"}
            elif isinstance(node, ast.ImportFrom):
                package = module.split(".")[:-1]
                base = package[: len(package) + 1 - node.level]
                assert ".".join([*base, str(node.module)]) in seen, f"{module} imports it too early"
        seen.add(module)


def test_it_runs_where_there_is_no_perdure(tmp_path: Path) -> None:
    program = tmp_path / "agent.pyc"
    program.write_bytes(agent_program())
    code = f"""
import sys
sys.argv = ["agent", "no number"]
try:
    exec(__import__("marshal").loads(open({str(program)!r}, "rb").read()[16:]))
except ValueError:
    pass
print(sorted(n for n in sys.modules if "perdure" in n), "sandbox.agent.agent" in sys.modules)
print([name for name in ("dataclasses", "inspect", "pathlib", "subprocess") if name in sys.modules])
"""
    command = [sys.executable, "-I", "-S", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.splitlines() == ["[] True", "[]"]


def test_it_is_the_same_each_time() -> None:
    assert agent_program() == agent_program()
