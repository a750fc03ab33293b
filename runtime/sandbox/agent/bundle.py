"""The agent as one file that Python runs: all of its modules, compiled.

Outside the wall. Inside there is no perdure, the folder of ours may lie where nobody inside may
go, and to compile the modules at each start would take longer than all the rest. It is without
docstrings, its annotations are not evaluated, and it has small modules in place of large ones of
the standard library (stand_ins.py), for the same reason.
"""

import __future__

import ast
import importlib.util
import marshal
from pathlib import Path

PACKAGE = "sandbox"
FOLDER = Path(__file__).parent.parent
# In the order in which they import each other.
MODULES = (
    "agent.stand_ins",
    "wire",
    "reactor",
    "channel",
    "streams",
    "descendants",
    "agent.refusals",
    "agent.tasks",
    "agent.places",
    "agent.files",
    "agent.listing",
    "agent.replacing",
    "agent.ports",
    "agent.starting",
    "agent.shell_report",
    "agent.running",
    "agent.selection",
    "agent.folder_watch",
    "agent.watching",
    "agent.changes",
    "agent.agent",
    "agent.program",
)
_LOADER = """
import gc, marshal, sys
gc.disable()
sys.dont_write_bytecode = True
Module = type(sys)
for name in {packages!r}:
    sys.modules[name] = package = Module(name)
    package.__path__ = []
for name, code in CODES.items():
    sys.modules[name] = module = Module(name)
    module.__package__ = name.rpartition(".")[0]
    exec(marshal.loads(code), vars(module))
    if name == {first!r}:
        module.install()
sys.modules[{first!r}].uninstall()
del name, code, module, package, CODES
gc.freeze()
gc.enable()
sys.modules[{last!r}].main(sys.argv[1:])
"""


def agent_program() -> bytes:
    """Return the contents of a .pyc file, for the Python that runs this."""
    codes = {}
    for name in MODULES:
        path = FOLDER.joinpath(*name.split(".")).with_suffix(".py")
        code = compile(
            _without_docstrings(path.read_text()),
            f"<perdure agent>/{name}.py",
            "exec",
            __future__.annotations.compiler_flag,
            dont_inherit=True,
        )
        codes[f"{PACKAGE}.{name}"] = marshal.dumps(code)
    packages = (PACKAGE, f"{PACKAGE}.agent")
    first, last = (f"{PACKAGE}.{MODULES[at]}" for at in (0, -1))
    loader = _LOADER.format(packages=packages, first=first, last=last)
    whole = compile(f"CODES = {codes!r}\n{loader}", "<perdure agent>", "exec", dont_inherit=True)
    # Magic number, flags, time and size of a source that nobody compares.
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(whole)


def _without_docstrings(source: str) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree
