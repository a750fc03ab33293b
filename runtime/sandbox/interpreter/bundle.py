"""The code host as one text that Python runs: inside there is no perdure."""

import json
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "inside"
# In the order in which they import each other.
MODULES: Final = (
    "kernel",
    "outputs",
    "mime",
    "python_kernel",
    "node_kernel",
    "contexts",
    "host",
)
_PACKAGE: Final = "code_host"
_LOADER: Final = """
import json, sys
SECRET, PACKAGES, NODE_PROGRAM, SOURCES = json.loads({all!r})
Module = type(sys)
sys.modules[{package!r}] = package = Module({package!r})
package.__path__ = []
for name, source in SOURCES.items():
    whole = {package!r} + "." + name
    sys.modules[whole] = module = Module(whole)
    module.__package__ = {package!r}
    exec(compile(source, "<perdure>/" + name + ".py", "exec"), vars(module))
sys.modules[{package!r} + ".node_kernel"].NODE_PROGRAM = NODE_PROGRAM
sys.modules[{package!r} + ".host"].main(SECRET, PACKAGES)
"""


def code_host_program(secret: str, packages: list[str]) -> bytes:
    """Return the program.

    Args:
        secret: What those say first that it serves.
        packages: Folders inside in which Python packages are seen.
    """
    sources = {name: (FOLDER / f"{name}.py").read_text() for name in MODULES}
    node_program = (FOLDER / "node_program.js").read_text()
    everything = json.dumps([secret, packages, node_program, sources])
    return _LOADER.format(all=everything, package=_PACKAGE).encode()
