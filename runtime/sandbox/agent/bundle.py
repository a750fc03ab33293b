"""The agent as one file that Python runs: all of its modules, compiled.

Outside the wall. Inside there is no perdure, the folder of ours may lie where nobody inside may
go, and to compile the modules at each start would take longer than all the rest. Of ``typing`` it
has the three names that annotations are made of, for the same reason.
"""

import importlib.util
import marshal
from pathlib import Path

PACKAGE = "sandbox"
FOLDER = Path(__file__).parent.parent
# In the order in which they import each other.
MODULES = (
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
    "agent.running",
    "agent.selection",
    "agent.folder_watch",
    "agent.watching",
    "agent.changes",
    "agent.agent",
    "agent.program",
)
_LOADER = """
import marshal, sys
sys.dont_write_bytecode = True
Module = type(sys)
sys.modules["typing"] = typing = Module("typing")
typing.Any = typing.Final = typing.Protocol = object
for name in {packages!r}:
    sys.modules[name] = package = Module(name)
    package.__path__ = []
for name, code in CODES.items():
    sys.modules[name] = module = Module(name)
    module.__package__ = name.rpartition(".")[0]
    exec(marshal.loads(code), vars(module))
del name, code, module, package, typing, CODES
sys.modules[{last!r}].main(sys.argv[1:])
"""


def agent_program() -> bytes:
    """Return the contents of a .pyc file, for the Python that runs this."""
    codes = {}
    for name in MODULES:
        path = FOLDER.joinpath(*name.split(".")).with_suffix(".py")
        code = compile(path.read_bytes(), f"<perdure agent>/{name}.py", "exec", dont_inherit=True)
        codes[f"{PACKAGE}.{name}"] = marshal.dumps(code)
    packages = (PACKAGE, f"{PACKAGE}.agent")
    loader = _LOADER.format(packages=packages, last=f"{PACKAGE}.{MODULES[-1]}")
    whole = compile(f"CODES = {codes!r}\n{loader}", "<perdure agent>", "exec", dont_inherit=True)
    # Magic number, flags, time and size of a source that nobody compares.
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(whole)
