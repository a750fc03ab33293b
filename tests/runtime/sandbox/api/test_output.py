"""What a command writes, as it is kept."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.rpc_stub import RpcStub
from perdure.runtime.sandbox.api.output import Collected, Decoder, called, kept


@given(st.lists(st.binary(max_size=30)), st.integers(1, 60))
def test_the_newest_bytes_are_kept_and_what_is_dropped_is_counted(
    pieces: list[bytes], kept_max: int
) -> None:
    collected = Collected(size_bytes_max=kept_max)
    for piece in pieces:
        collected.add(piece)
    whole = b"".join(pieces)
    held = b"".join(collected._pieces)
    assert whole.endswith(held)
    assert len(held) + collected.dropped_bytes == len(whole)
    assert len(held) >= min(len(whole), kept_max)
    assert len(held) <= kept_max + 30


def test_what_is_missing_is_said_in_front() -> None:
    collected = Collected(dropped_bytes=1234)
    collected.add(b"rest")
    assert collected.text() == "[1,234 bytes dropped]\nrest"
    assert collected.text("base64") == "cmVzdA=="


@given(st.text(max_size=20), st.lists(st.integers(0, 60)))
def test_text_is_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    data, decoder = text.encode(), Decoder()
    places = [0, *sorted(cuts), len(data)]
    pieces = [
        decoder.decode("stdout", data[start:end]) for start, end in itertools.pairwise(places)
    ]
    assert "".join(pieces) + decoder.rest().get("stdout", "") == text


async def test_callbacks_are_waited_for_if_they_are_async() -> None:
    heard = []

    async def slowly(word: str) -> None:
        heard.append(word)

    await called(heard.append, "a")
    await called(slowly, "b")
    await called(None, "c")
    assert heard == ["a", "b"]


def test_a_callback_from_elsewhere_is_kept_beyond_its_handler() -> None:
    class Nobody:
        pass

    stub = RpcStub(Nobody())  # type: ignore[arg-type]  # nobody is called
    held = kept(stub)
    stub.dispose()
    assert isinstance(held, RpcStub)
    assert held._capability is not None
    assert kept(len) is len
    assert kept(None) is None
