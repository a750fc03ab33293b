"""The reading of strace's record: a test that looks at the wrong line would show nothing."""

import pytest

from tests.outside.trace import NEVER, Trace

TOKEN = "0123456789abcdef"
HEX = "".join(f"\\x{byte:02x}" for byte in f"\x00{TOKEN}\xff".encode("latin-1"))
LOG = "7</data/log/0/00000001.seg>"
OTHER = "8</data/log/0/00000002.seg>"
CLIENT = "9<TCP:[127.0.0.1:80->127.0.0.1:5000]>"
WRITE = f'12  pwrite64({LOG}, "{HEX}", 18, 8192) = 18'
SYNC = f"12  fdatasync({LOG}) = 0"
REPLY = f'11  sendto({CLIENT}, "a reply/{TOKEN}\\r\\n", 26, 0, NULL, 0) = 26'


def test_an_effect_after_the_sync_is_in_order() -> None:
    trace = Trace([WRITE, SYNC, REPLY])
    assert [(effect.kind, effect.token) for effect in trace.effects] == [("reply", TOKEN)]
    assert trace.durable(TOKEN) == 1
    assert trace.early() == []


@pytest.mark.parametrize(
    "lines",
    [
        [REPLY, WRITE, SYNC],
        [WRITE, REPLY, SYNC],
        [WRITE, REPLY],
        [SYNC, REPLY],
        [SYNC, WRITE, REPLY],
        [WRITE, f"12  fdatasync({OTHER}) = 0", REPLY],
        [WRITE, f"12  fdatasync({LOG}) = -1 EIO (Input/output error)", REPLY],
        [WRITE, f"12  fdatasync({LOG} <unfinished ...>", REPLY, "12  <... fdatasync resumed>) = 0"],
        [WRITE, f"12  fdatasync({LOG} <unfinished ...>", REPLY],
        # Begun before the record was there.
        [f"13  fdatasync({LOG} <unfinished ...>", WRITE, "13  <... fdatasync resumed>) = 0", REPLY],
        [
            f'12  pwrite64({LOG}, "{HEX}", 18, 8192 <unfinished ...>',
            f"13  fdatasync({LOG}) = 0",
            "12  <... pwrite64 resumed>) = 18",
            REPLY,
        ],
    ],
)
def test_an_effect_without_a_sync_of_its_write_before_it_is_early(lines: list[str]) -> None:
    assert [effect.kind for effect in Trace(lines).early()] == ["reply"]


def test_an_effect_leaves_when_its_call_begins() -> None:
    begun = REPLY.replace(") = 26", " <unfinished ...>")
    trace = Trace([WRITE, begun, SYNC, "11  <... sendto resumed>) = 26"])
    assert [effect.left for effect in trace.early()] == [1]


def test_several_pieces_are_one_write() -> None:
    pieces = (
        f'[{{iov_base="reply/{TOKEN[:5]}", iov_len=11}}, {{iov_base="{TOKEN[5:]}", iov_len=11}}]'
    )
    trace = Trace([f"11  writev({CLIENT}, {pieces}, 2) = 22"])
    assert [effect.kind for effect in trace.effects] == ["reply"]


@pytest.mark.parametrize("size", [22, 200])
def test_frames_of_a_client_are_unmasked(size: int) -> None:
    text = f"frame/{TOKEN}".rjust(size).encode()
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    mask = b"abcd"
    data = b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text))
    shown = "".join(f"\\x{byte:02x}" for byte in data * 2)
    trace = Trace([f'11  write({CLIENT}, "{shown}", {2 * len(data)}) = {2 * len(data)}'])
    assert [effect.kind for effect in trace.effects] == ["frame", "frame"]


def test_what_was_read_is_no_effect_but_has_arrived() -> None:
    lines = [
        f"11  read({CLIENT} <unfinished ...>",
        WRITE,
        f'11  <... read resumed>"reply/{TOKEN}", 100) = 22',
    ]
    trace = Trace(lines)
    assert trace.effects == []
    assert trace.arrived(f"reply/{TOKEN}") == 2


def test_what_never_ended_covers_nothing() -> None:
    assert Trace([f'12  pwrite64({LOG}, "{HEX}", 18, 8192 <unfinished ...>', SYNC]).durable(
        TOKEN
    ) == (NEVER)


def test_a_record_that_is_cut_off_is_refused() -> None:
    with pytest.raises(AssertionError, match="cut off"):
        Trace([f'12  pwrite64({LOG}, "abc"..., 18, 8192) = 18'])
