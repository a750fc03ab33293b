"""The two gates by themselves; what they do to an actor is in test_execution and test_actor."""

from collections.abc import Callable

import pytest

from perdure.actors.gates import InputGate, OutputGate


class FakeTurn:
    since_s = 0.0

    def __init__(self, name: str, gate: InputGate) -> None:
        self.name = name
        self.gate = gate

    def step(self) -> None:
        raise AssertionError("a gate runs nothing itself")


def names(gate: InputGate) -> list[str]:
    return [turn.name for turn in gate.held if isinstance(turn, FakeTurn)]


# The input gate.


def test_sections_form_a_chain_whose_depth_is_known() -> None:
    root = InputGate()
    section = InputGate(root)
    inner = InputGate(section)
    assert (root.depth, section.depth, inner.depth) == (0, 1, 2)
    assert root.current() is root


def test_what_waits_at_a_section_waits_at_its_parent_before_what_came_later() -> None:
    root = InputGate()
    section = InputGate(root)
    root.held.extend([FakeTurn("new 1", root), FakeTurn("new 2", root)])
    section.held.extend([FakeTurn("old 1", section), FakeTurn("old 2", section)])
    assert section.end() is root
    assert names(root) == ["old 1", "old 2", "new 1", "new 2"]
    assert names(section) == []


def test_sections_that_wait_inside_a_section_come_before_those_outside() -> None:
    opened: list[str] = []

    def opens(name: str) -> Callable[[], None]:
        return lambda: opened.append(name)

    root = InputGate()
    section = InputGate(root)
    root.sections.append(opens("outside"))
    section.sections.extend([opens("inside 1"), opens("inside 2")])
    section.end()
    for open_it in root.sections:
        open_it()
    assert opened == ["inside 1", "inside 2", "outside"]
    assert not section.sections


def test_turns_of_a_section_that_has_ended_belong_to_the_nearest_open_one() -> None:
    root = InputGate()
    section = InputGate(root)
    inner = InputGate(section)
    section.end()
    assert inner.current() is inner
    inner.held.append(FakeTurn("turn", inner))
    assert inner.end() is root, "its parent had ended before it"
    assert names(root) == ["turn"]
    assert inner.current() is section.current() is root


def test_a_section_ends_once() -> None:
    section = InputGate(InputGate())
    section.end()
    with pytest.raises(AssertionError, match="ends once"):
        section.end()


def test_an_actors_own_gate_does_not_end() -> None:
    with pytest.raises(AssertionError, match="does not end"):
        InputGate().end()


# The output gate.


class Outputs:
    """An output gate with a number to depend on, and a list of what has left."""

    def __init__(self) -> None:
        self.number = 0
        self.left: list[str] = []
        self.now_s = 0.0
        self.gate = OutputGate(lambda: self.number, lambda: self.now_s)

    def emit(self, name: str) -> None:
        self.gate.emit(lambda: self.left.append(name))


def test_output_leaves_at_once_when_nothing_was_written() -> None:
    outputs = Outputs()
    outputs.emit("reply")
    assert outputs.left == ["reply"]


def test_output_waits_for_the_commit_it_depends_on_and_no_other() -> None:
    outputs = Outputs()
    for outputs.number in (1, 2, 2, 4):
        outputs.emit(f"after {outputs.number}")
    outputs.gate.open(0)
    assert outputs.left == []
    outputs.gate.open(1)
    assert outputs.left == ["after 1"]
    outputs.gate.open(3)
    assert outputs.left == ["after 1", "after 2", "after 2"]
    outputs.gate.open(4)
    assert outputs.left[3:] == ["after 4"]


def test_output_leaves_in_the_order_in_which_it_was_emitted() -> None:
    outputs = Outputs()
    outputs.number = 1
    outputs.emit("first")
    outputs.number = 0
    outputs.emit("second")  # depends on nothing, but must not overtake
    assert outputs.left == []
    outputs.gate.open(1)
    assert outputs.left == ["first", "second"]


def test_an_output_that_makes_its_actor_write_again_holds_up_what_it_emits_then() -> None:
    outputs = Outputs()
    outputs.number = 1

    def writes() -> None:
        outputs.left.append("call")
        outputs.number = 2
        outputs.emit("answer")

    outputs.gate.emit(writes)
    outputs.emit("reply")
    outputs.gate.open(1)
    assert outputs.left == ["call", "reply"]
    outputs.gate.open(2)
    assert outputs.left == ["call", "reply", "answer"]


def test_a_broken_gate_lets_nothing_out_any_more() -> None:
    outputs = Outputs()
    outputs.number = 1
    outputs.emit("before")
    outputs.gate.break_()
    outputs.number = 0
    outputs.gate.open(1)
    outputs.emit("after")
    assert outputs.left == []
    assert not outputs.gate.waiting


def test_a_gate_that_breaks_while_it_opens_keeps_the_rest_back() -> None:
    outputs = Outputs()
    outputs.number = 1
    outputs.emit("first")
    outputs.gate.emit(outputs.gate.break_)
    outputs.emit("last")
    outputs.gate.open(1)
    assert outputs.left == ["first"]
