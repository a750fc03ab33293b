"""Every mutant still has its place in the sources, and its tests are there.

Whether the tests notice it is what ``python -m tests.mutants.run`` finds out, in CI.
"""

import ast
import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutation import (
    Mutant,
    NoLongerApplies,
    at_once,
    block,
    branch_on,
    call_of,
    calls,
    expression,
    mutate,
    never,
    nothing,
    preceded_by,
    swapped,
    to,
)
from tests.mutants.outputs import OUTPUTS

ROOT = Path(__file__).parents[2]
KINDS = {
    "an HTTP response",
    "a 101",
    "a frame to a client",
    "a frame of an outgoing connection",
    "the result of an RPC call",
    "a request to the network",
    "what became of an alarm",
    "a reply that tells of a pending write without having written",
}


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_the_mutants_of_a_file_apply(file: str) -> None:
    text = (ROOT / file).read_text()
    plain = ast.unparse(ast.parse(text)) + "\n"
    for mutant in MUTANTS:
        if mutant.file == file:
            assert mutate(mutant, text) != plain, mutant.name


def test_the_tests_that_are_to_notice_are_there() -> None:
    assert [mutant.name for mutant in MUTANTS if not mutant.caught_by] == []
    named = {node_id.split("[")[0] for mutant in MUTANTS for node_id in mutant.caught_by}
    for file, node_ids in groupby(sorted(named), key=lambda node_id: node_id.split("::")[0]):
        text = (ROOT / file).read_text()
        there = set(re.findall(r"^(?:async )?def (\w+)\(", text, re.MULTILINE))
        assert {node_id.split("::")[1] for node_id in node_ids} <= there, file


def test_there_is_one_for_each_kind_of_output_and_no_name_is_there_twice() -> None:
    assert {f"{kind} skips the gate" for kind in KINDS} <= {mutant.name for mutant in OUTPUTS}
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16


SOURCE = """
class Log:
    def write(self, data):
        if data is None:
            return
        self.file.append(data)
        self.file.sync()
        self.done = len(data)

def other(data):
    sync(data)
"""
EXAMPLE = Mutant("no sync", "log.py", "Log.write", calls("sync"), nothing, ("test_x",))


def test_the_place_is_looked_for_where_the_mutant_says() -> None:
    assert mutate(EXAMPLE, SOURCE).count("sync") == 1
    assert "self.file.sync()" not in mutate(EXAMPLE, SOURCE)
    assert "self.file.sync()" in mutate(replace(EXAMPLE, where="other"), SOURCE)


@pytest.mark.parametrize(("where", "places"), [("", 2), ("Log.read", 0), ("Lo", 0)])
def test_no_place_and_two_places_are_errors(where: str, places: int) -> None:
    with pytest.raises(NoLongerApplies, match=f"'no sync' no longer applies: {places} places"):
        mutate(replace(EXAMPLE, where=where), SOURCE)


def test_changes_do_what_they_say() -> None:
    def body(mutant: Mutant) -> str:
        return mutate(mutant, SOURCE).split("def other")[0]

    example = replace(EXAMPLE, find=branch_on("data"), change=never)
    assert "if False:" in body(example)
    assert "if True:" in body(replace(example, find=expression("data is None"), change=to("True")))
    both = (calls("append"), calls("sync"))
    reordered = body(replace(example, find=block(*both), change=swapped(*both, between="tell()")))
    assert reordered.index("sync") < reordered.index("tell()") < reordered.index("append")
    earlier = body(replace(example, find=calls("sync"), change=preceded_by("tell()")))
    assert earlier.index("append") < earlier.index("tell()") < earlier.index("sync")


def test_an_output_is_let_out_at_once() -> None:
    mutant = replace(EXAMPLE, where="", find=call_of("emit"), change=at_once())
    assert mutate(mutant, "gate.emit(partial(send, 1, to=2))") == "send(1, to=2)\n"
    assert mutate(mutant, "gate.emit(send)") == "send()\n"
    some = replace(mutant, change=at_once("urgent"))
    assert mutate(some, "gate.emit(send)") == "send() if urgent else gate.emit(send)\n"
