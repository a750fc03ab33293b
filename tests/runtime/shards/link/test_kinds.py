"""Which frames there are, and who may send them."""

from typing import Any

import pytest

from perdure.runtime.shards.link import kinds
from perdure.runtime.shards.link.errors import LinkBroken
from perdure.runtime.shards.link.kinds import ROUTER, SUPERVISOR, WORKER, check

ID = bytes(32)
RECORD = ["key", ID, "name", "session", ["tag"], b"attached"]
REQUEST: list[Any] = ["GET", "http://x/", [], None, "manual", None, False, True]
RESPONSE = [200, "", [], b"body", "", False, ["1", 2, 3], True]
PACKED = [
    b"value",
    [
        [0, 1],
        [1, 2],
        [2, "key", ID, None],
        [3, 4],
        [4, REQUEST],
        [5, RESPONSE],
        [6, "app", "Default", b""],
    ],
]
EXAMPLES: dict[int, list[Any]] = {
    kinds.HELLO: ["0.1.0", 1, WORKER, "0", 7],
    kinds.PART: [b"piece", True],
    kinds.BYE: ["draining"],
    kinds.CALL: [1, "key", ID, None, "method", b"arguments"],
    kinds.FETCH: [1, None, None, None, REQUEST],
    kinds.ON_TARGET: [1, 2, "add", PACKED],
    kinds.ON_ANSWER: [2, 1, "room.join", b"arguments"],
    kinds.ANSWERED: [1],
    kinds.FINISH: [1],
    kinds.GIVE_UP: [1],
    kinds.RELEASE: [1, 2],
    kinds.TRACE: [1, [["traceparent", "00-1-2-01"]]],
    kinds.REPLY: [1, b"value"],
    kinds.RESPONSE: [1, RESPONSE, "1"],
    kinds.FAILURE: [1, b"failure"],
    kinds.CHUNK: [1, b"data"],
    kinds.END: [1],
    kinds.BROKEN: [1, b"failure"],
    kinds.CREDIT: [1, 65536],
    kinds.CANCEL: [1, None],
    kinds.TAKE: [1, 2],
    kinds.DROP: [1],
    kinds.MESSAGE: [1, 2, "text", False],
    kinds.SAID_CLOSE: [1, None, ""],
    kinds.WAS_LOST: [1, 1006, "gone"],
    kinds.HOLD: [1],
    kinds.GO_ON: [1],
    kinds.FACTS: [3, [[1, 0, 0, 0.5, None], [2, 70, 1, None, 1234]]],
    kinds.RESUME: [1, *RECORD, ["ping", "pong"], [[1, "text"], [2, b"bytes"]]],
    kinds.LEAVING: [1],
    kinds.ARRIVED: [11, 1, 2],
    kinds.LEFT: [1],
    kinds.HELD: [1],
    kinds.SEND: [[1, 2], ["text", b"bytes", ["key", "newest"]], [1000, ""]],
    kinds.SEVER: [1, 1011, "reason"],
    kinds.PAUSE: [1],
    kinds.READ_ON: [1],
    kinds.DELIVERY: [1, "close", None],
    kinds.AUTO: [1, None],
    kinds.ACKNOWLEDGED: [[1, 2, 3, 4]],
    kinds.HIBERNATABLE: [1, *RECORD],
    kinds.TAKEN: [1],
    kinds.WHOSE: [1, *RECORD[:4]],
    kinds.RESTART: [1, "replay_first"],
    kinds.GIVEN: [1, b"inbound", None],
}
ONLY_ROUTERS = {kinds.RESUME, kinds.LEAVING, kinds.ARRIVED, kinds.HELD}
ONLY_WORKERS = {kinds.CALL, kinds.TRACE, kinds.REPLY, kinds.RESPONSE, kinds.FAILURE}
ONLY_WORKERS |= {kinds.ON_TARGET, kinds.ON_ANSWER, kinds.ANSWERED, kinds.FINISH, kinds.GIVE_UP}
ONLY_WORKERS |= {kinds.RELEASE, *range(48, 64)}


def test_every_kind_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(kinds.KINDS)
    assert max(kinds.KINDS) < kinds.KINDS_MAX


def test_every_kind_has_the_name_and_the_number_of_its_constant() -> None:
    for number, kind in kinds.KINDS.items():
        assert getattr(kinds, kind.name) == number == kind.number


@pytest.mark.parametrize("number", EXAMPLES)
def test_a_worker_may_send_nearly_everything(number: int) -> None:
    frame = [number, *EXAMPLES[number]]
    if number in ONLY_ROUTERS:
        assert check(ROUTER, frame) == number
        with pytest.raises(LinkBroken, match="a worker may not send"):
            check(WORKER, frame)
    else:
        assert check(WORKER, frame) == number


@pytest.mark.parametrize("number", EXAMPLES)
def test_a_router_may_not_send_what_only_owners_of_actors_know(number: int) -> None:
    frame = [number, *EXAMPLES[number]]
    if number in ONLY_WORKERS:
        with pytest.raises(LinkBroken, match="a router may not send"):
            check(ROUTER, frame)
    else:
        assert check(ROUTER, frame) == number


@pytest.mark.parametrize("number", EXAMPLES)
def test_a_supervisor_sends_only_what_is_the_links_own(number: int) -> None:
    frame = [number, *EXAMPLES[number]]
    if number in {kinds.HELLO, kinds.PART, kinds.BYE}:
        assert check(SUPERVISOR, frame) == number
    else:
        with pytest.raises(LinkBroken, match="a supervisor may not send"):
            check(SUPERVISOR, frame)


@pytest.mark.parametrize("number", EXAMPLES)
def test_too_few_and_too_many_fields_are_refused(number: int) -> None:
    role = ROUTER if number in ONLY_ROUTERS else WORKER
    with pytest.raises(LinkBroken, match="fields"):
        check(role, [number, *EXAMPLES[number], None])
    with pytest.raises(LinkBroken, match="fields"):
        check(role, [number, *EXAMPLES[number][:-1]])


@pytest.mark.parametrize("number", EXAMPLES)
def test_a_field_of_another_type_is_refused_by_its_name(number: int) -> None:
    role = ROUTER if number in ONLY_ROUTERS else WORKER
    for index, (name, _) in enumerate(kinds.KINDS[number].fields):
        fields = list(EXAMPLES[number])
        fields[index] = -1.5
        with pytest.raises(LinkBroken, match=f"its {name} is none"):
            check(role, [number, *fields])


@pytest.mark.parametrize("number", [0, 7, 95, 96, -1, 2**70, "CALL", None, True, 8.0, [8]])
def test_an_unknown_kind_is_refused(number: object) -> None:
    with pytest.raises(LinkBroken, match="unknown kind"):
        check(WORKER, [number])


def test_nobody_of_an_unknown_role_may_send_anything() -> None:
    with pytest.raises(LinkBroken, match="nobody of role 8"):
        check(8, [kinds.BYE, ""])


@pytest.mark.parametrize(
    "packed",
    [
        [b"value"],
        [b"value", [], None],
        ["value", []],
        [b"value", [[]]],
        [b"value", [[9, 1]]],
        [b"value", [["0", 1]]],
        [b"value", [[0]]],
        [b"value", [[0, -1]]],
        [b"value", [[2, "key", b"short", None]]],
        [b"value", [[6, "app", 5, b""]]],
        [b"value", [[6, "app", None, None]]],
        [b"value", [[4, RESPONSE]]],
        [b"value", None],
    ],
)
def test_a_packed_value_of_another_form_is_refused(packed: Any) -> None:
    with pytest.raises(LinkBroken, match="its value is none"):
        check(WORKER, [kinds.REPLY, 1, packed])
