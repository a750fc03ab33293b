"""Make the folder named on the command line a working environment for this checkout.

Run by ``.ci/environment``, with the interpreter that the environment is to be made of. When
all is well it says nothing and takes a third of a second. The folder may be in any state: missing,
half-made, made by another interpreter or for another checkout, without its interpreter, with
packages missing, or older than pyproject.toml.

The stamp, written last, says what the environment was made from; an environment without the
right stamp is made again, or completed when only pyproject.toml has changed.
"""

import fcntl
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "perdure-environment.json"
PIP = "pip>=25.1"  # the first that knows --group
BASE = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()

# Run inside the environment. An import that fails inside our own sources is an error to be
# mended there: a new environment would not help, and the tests will show it.
PROBE = """
import importlib.metadata, importlib.util, sys
for name in sys.argv[2:]:
    importlib.metadata.version(name)
import pip
spec = importlib.util.find_spec("perdure")
if spec is None or not (spec.origin or "").startswith(sys.argv[1]):
    sys.exit("perdure is not installed here from this checkout")
try:
    import perdure
except ImportError as error:
    if (error.name or "").split(".")[0] != "perdure":
        raise
except Exception:
    pass
"""


def main() -> None:
    folder = ROOT / sys.argv[1]
    with (ROOT / "pyproject.toml").open("rb") as project:
        fcntl.flock(project, fcntl.LOCK_EX)  # two makes at once: the second one waits
        settings = tomllib.load(project)
        bring_up(folder, settings)


def bring_up(folder: Path, settings: dict) -> None:
    wanted = {
        "interpreter": str(BASE),
        "version": sys.version,
        "checkout": str(ROOT),
        "folder": str(folder),
        "sources": digest("pyproject.toml", ".ci/devlink.py"),
    }
    found = read_stamp(folder)
    names = distributions(settings)
    is_sound = is_made_alike(found, wanted) and probe(folder, names) is None
    if is_sound and found == wanted:
        return
    if not is_sound:
        make_anew(folder)
    else:
        say(f"pyproject.toml has changed: bringing {folder.name} up to date.")
    install(folder)
    if problem := probe(folder, names):
        fail(f"{folder.name} was made, but it does not work: {problem}")
    (folder / STAMP).write_text(json.dumps(wanted, indent=1))
    say(f"{folder.name} is ready.")


def digest(*files: str) -> str:
    return hashlib.sha256(b"\0".join((ROOT / file).read_bytes() for file in files)).hexdigest()


def read_stamp(folder: Path) -> dict:
    try:
        return dict(json.loads((folder / STAMP).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def is_made_alike(found: dict, wanted: dict) -> bool:
    """Whether the environment was made by this interpreter, for this place."""
    return all(found.get(key) == wanted[key] for key in wanted if key != "sources")


def distributions(settings: dict) -> list[str]:
    """Every distribution that pyproject.toml asks for on this system, by name."""
    requirements = settings["project"]["dependencies"] + settings["dependency-groups"]["dev"]
    return [re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in requirements]


def probe(folder: Path, names: list[str]) -> str | None:
    """What is wrong with the environment, or None."""
    command = [folder / "bin" / "python", "-c", PROBE, ROOT / "build" / "dev", *names]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:  # no folder, no interpreter in it, or a link to one that is gone
        return str(error)
    return None if run.returncode == 0 else (run.stderr.strip() or "?").splitlines()[-1]


def make_anew(folder: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        fail(
            f"{BASE} cannot make environments: its modules venv and ensurepip are missing.\n"
            f"Debian, Ubuntu: apt install {version}-venv. Or name another interpreter:\n"
            "make PYTHON=/path/to/python3.11 test"
        )
    say(f"Making {folder.name} with Python {sys.version.split()[0]}; this takes a minute, once.")
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    run("cannot make an environment", str(BASE), "-m", "venv", str(folder))


def install(folder: Path) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-input"]
    # What is used is compiled when it is first imported: to compile all of it is half the work.
    pip += ["--no-compile"]
    hint = "cannot install the packages; is there a network?"
    run(hint, *pip, "--upgrade", PIP)
    run(hint, *pip, "--editable", ".", "--group", "dev")
    # Programs that tests run on top of ours: beside the environment's packages, so that nothing
    # imports them unasked.
    subjects = folder / "subjects"
    shutil.rmtree(subjects, ignore_errors=True)
    run(hint, *pip, "--target", str(subjects), "--no-deps", "--group", "subjects")


def run(problem: str, *command: str) -> None:
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code != 0:
        fail(f"{problem} ({' '.join(command)} ended with {code})")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fail(text: str) -> None:
    sys.exit(text)


if __name__ == "__main__":
    main()
