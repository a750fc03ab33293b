"""Makes each mutant in a copy of the sources, and sees that its tests notice: one that lives fails.

    python -m tests.mutants.run             all of them, from the root of the repository
    python -m tests.mutants.run WORD ...    those in whose names or files all the words are

It ends with 0 if, and only if, the tests pass without a mutant, the copies are what the tests
import, every mutant applies, and every test that a mutant names fails with it.
"""

import compileall
import os
import py_compile
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutation import Mutant, NoLongerApplies, mutate
from tests.mutants.warm import Warm

ROOT = Path(__file__).parents[2]
FOLDERS = ("actors", "runtime", "storage", "cli")
AT_A_TIME = 2
# A mutant may leave a test waiting for what never comes; that is noticed, too, but not for ever.
TEST_TIMEOUT_S = 6
# Tests that wait themselves give up before that, and say what they have waited for.
TEST_PATIENCE_S = 4
BASELINE_TIMEOUT_S = 60
RUN_TIMEOUT_S = 120
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc")
_RAISES = 'raise RuntimeError("this copy is what was imported")\n'


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of tests said.

    Attributes:
        code: pytest's exit code; -9 if it had to be killed.
        failed: The tests that failed, without what is in brackets: one case is enough.
        passed: Those of which no case failed.
        output: What it printed.
    """

    code: int
    failed: frozenset[str]
    passed: frozenset[str]
    output: str


class Tree:
    """A copy of the sources and the tests, in which one file at a time is a mutant.

    The copied folders are subpackages of a directory ``perdure`` beside ``tests``; both are
    found there before an installed perdure is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def copied(cls, root: Path) -> "Tree":
        """Make a tree of the repository as it is now."""
        shutil.copytree(ROOT / ".ci" / "package", root / "perdure", ignore=_NOT_COPIED)
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, root / "perdure" / folder, ignore=_NOT_COPIED)
        shutil.copytree(ROOT / "tests", root / "tests", ignore=_NOT_COPIED)
        shutil.copy(ROOT / "pyproject.toml", root)
        for folder in ("perdure", "tests"):
            # By content, because two versions of a file may have one size and one second of birth.
            compileall.compile_dir(
                root / folder,
                quiet=2,
                invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
            )
        return cls(root)

    def again(self, root: Path) -> "Tree":
        """Make a second one that is the same, whatever the repository has become meanwhile."""
        shutil.copytree(self.root, root)
        return Tree(root)

    def run_mutated(self, mutant: Mutant) -> Outcome:
        """Run a mutant's tests with it.

        Raises:
            NoLongerApplies: It has no place in the file any more, or two.
        """
        text = (self.root / "perdure" / mutant.file).read_text()
        return self.run_with(mutant.file, mutate(mutant, text), mutant.caught_by)

    def run_with(self, file: str, text: str, node_ids: Sequence[str]) -> Outcome:
        """Run tests while ``file`` holds ``text``."""
        path = self.root / "perdure" / file
        original = path.read_text()
        path.write_text(text)
        try:
            return self.run(node_ids)
        finally:
            path.write_text(original)

    def run(self, node_ids: Sequence[str], timeout_s: int = TEST_TIMEOUT_S) -> Outcome:
        """Run tests in this copy; each may take ``timeout_s``."""
        report, output = self.root / "report.xml", self.root / "output"
        report.unlink(missing_ok=True)
        # Plain, because to rewrite the assertions of all that a test imports takes a second.
        arguments = ["-q", "--assert=plain", "--tb=line", "-p", "no:cacheprovider"]
        arguments += [f"--junitxml={report}", "-o", f"timeout={timeout_s}"]
        arguments += [f"--basetemp={self.root / 'temporary'}", *node_ids]
        code = self._pytest.run(arguments, output, RUN_TIMEOUT_S)
        return _outcome(code, report, output.read_text(errors="replace"))

    @cached_property
    def _pytest(self) -> Warm:
        environment = os.environ | {
            "PYTHONPATH": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PERDURE_TEST_PATIENCE_S": str(TEST_PATIENCE_S),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.root / "hypothesis"),
        }
        return Warm(self.root, environment)

    def close(self) -> None:
        self._pytest.close()


def _outcome(code: int, report: Path, output: str) -> Outcome:
    failed: set[str] = set()
    ran: set[str] = set()
    if report.exists():
        for case in ET.parse(report).getroot().iter("testcase"):
            file = case.get("classname", "").replace(".", "/") + ".py"
            node_id = f"{file}::{case.get('name', '').split('[')[0]}"
            ran.add(node_id)
            if case.find("failure") is not None or case.find("error") is not None:
                failed.add(node_id)
    return Outcome(code, frozenset(failed), frozenset(ran - failed), output)


def main(words: Sequence[str]) -> int:
    """Run all that is asked for; return the exit code."""
    mutants = [m for m in MUTANTS if all(word in f"{m.name} {m.file}" for word in words)]
    if not mutants:
        say(f"no mutant has {' and '.join(words)} in its name or file")
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory, ExitStack() as at_the_end:
        trees: SimpleQueue[Tree] = SimpleQueue()
        first = Tree.copied(Path(directory) / "tree-1")
        others = (Path(directory) / f"tree-{number}" for number in range(2, AT_A_TIME + 1))
        for tree in (first, *map(first.again, others)):
            at_the_end.callback(tree.close)
            trees.put(tree)
        problems = [*_baseline(mutants, trees)]
        if not problems:
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                problems += [p for p in pool.map(lambda m: _try(m, trees), mutants) if p]
    for problem in problems:
        say(f"FAILED {problem}")
    seconds = time.monotonic() - started
    say(f"{len(mutants) - len(problems)} of {len(mutants)} mutants caught in {seconds:.0f} s")
    return 1 if problems else 0


def _baseline(mutants: Sequence[Mutant], trees: "SimpleQueue[Tree]") -> Iterable[str]:
    """Say what is wrong before any mutant is made: a failing test, a copy that is not imported."""
    named = sorted({node_id for mutant in mutants for node_id in mutant.caught_by})
    shares = [share for place in range(AT_A_TIME) if (share := named[place::AT_A_TIME])]
    # One of each folder: a mutant that were not imported would live, and this only says why.
    firsts = {mutant.file.split("/")[0]: mutant for mutant in reversed(mutants)}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        failing = [p for p in pool.map(lambda names: _failing(names, trees), shares) if p]
        yield from failing
        if not failing:
            say(f"without any mutant: {len(named)} tests pass")
            copies = pool.map(lambda mutant: _not_imported(mutant, trees), firsts.values())
            yield from (problem for problem in copies if problem)


def _failing(node_ids: Sequence[str], trees: "SimpleQueue[Tree]") -> str | None:
    """Run tests without a mutant; say so if they do not pass."""
    tree = trees.get()
    try:
        outcome = tree.run(node_ids, BASELINE_TIMEOUT_S)
    finally:
        trees.put(tree)
    if outcome.code == 0:
        return None
    say(outcome.output)
    return f"without any mutant: {sorted(outcome.failed) or outcome.code}"


def _not_imported(mutant: Mutant, trees: "SimpleQueue[Tree]") -> str | None:
    """Say so if the copy of a mutant's file is not what its tests import."""
    tree = trees.get()
    try:
        outcome = tree.run_with(mutant.file, _RAISES, mutant.caught_by[:1])
    finally:
        trees.put(tree)
    if "this copy is what was imported" in outcome.output:
        return None
    say(outcome.output)
    return f"{mutant.file}: its copy is not what {mutant.caught_by[0]} imports"


def _try(mutant: Mutant, trees: "SimpleQueue[Tree]") -> str | None:
    """Make one mutant; return what is wrong if it is not caught as it should be."""
    tree = trees.get()
    started = time.monotonic()
    try:
        outcome = tree.run_mutated(mutant)
    except NoLongerApplies as error:
        return str(error)
    finally:
        trees.put(tree)
    lives = sorted(set(mutant.caught_by) - outcome.failed)
    if outcome.code != 1 or lives:  # 1 is pytest's "tests failed"
        say(outcome.output)
        return f"{mutant.name}: pytest ended with {outcome.code}; not noticed by {lives}"
    say(f"caught: {mutant.name} ({mutant.file}, {time.monotonic() - started:.1f} s)")
    return None


def say(text: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
