import ast
import json
import subprocess
import sys
from pathlib import Path

from perdure.runtime.sandbox.interpreter.bundle import FOLDER, MODULES, code_host_program

BROUGHT_BY_THE_EXTRA = {"jupyter_client"}  # imported in a function, and refused if it is missing


def test_all_modules_are_in_it() -> None:
    assert set(MODULES) == {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert len(set(MODULES)) == len(MODULES)


def test_they_import_the_standard_library_and_each_other_only_in_that_order() -> None:
    seen = set[str]()
    for module in MODULES:
        for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = {str(node.module).split(".")[0]}
            elif isinstance(node, ast.ImportFrom):
                assert node.module in seen, f"{module} imports it too early"
                continue
            else:
                continue
            assert names <= sys.stdlib_module_names | BROUGHT_BY_THE_EXTRA
        seen.add(module)


def test_it_runs_where_there_is_no_perdure_and_no_package(tmp_path: Path) -> None:
    program = code_host_program("secret", []).decode()
    # All but its last line, which serves.
    lines = program.rstrip().splitlines()[:-1]
    lines += [
        "print(sys.modules['code_host.node_kernel'].NODE_PROGRAM[:2], 'asyncio' in sys.modules)"
    ]
    lines += ["print([n for n in sys.modules if 'perdure' in n or 'jupyter' in n])"]
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert run.stdout.splitlines() == ["// True", "[]"]


def test_what_it_is_given_is_text_whatever_is_in_it() -> None:
    program = code_host_program("'\"\\", ['/a"""b']).decode()
    loader = next(line for line in program.splitlines() if line.startswith("SECRET"))
    text = ast.literal_eval(loader.partition("json.loads(")[2].removesuffix(")"))
    assert json.loads(text)[:2] == ["'\"\\", ['/a"""b']]
