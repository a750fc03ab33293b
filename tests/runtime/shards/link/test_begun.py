"""What a process had begun, as the other one reads it."""

import mmap
import os
import tempfile

import pytest

from perdure.runtime.shards.link.begun import Begun, BegunElsewhere


def test_what_was_marked_last_is_read_even_when_the_writer_is_gone() -> None:
    begun = Begun()
    elsewhere = BegunElsewhere(os.dup(begun.descriptor))
    assert elsewhere.highest() == 0
    begun.mark(7)
    assert elsewhere.highest() == 7
    begun.mark(2**40)
    begun.close()
    assert elsewhere.highest() == 2**40
    elsewhere.close()


def test_the_other_end_cannot_take_the_writers_memory_away() -> None:
    begun = Begun()
    with pytest.raises(PermissionError):
        os.ftruncate(begun.descriptor, 0)
    begun.mark(1)
    begun.close()


def test_nothing_is_known_from_something_that_is_no_such_file() -> None:
    with tempfile.TemporaryFile() as file:
        elsewhere = BegunElsewhere(os.dup(file.fileno()))
    assert elsewhere.highest() is None
    elsewhere.close()
    reader, writer = os.pipe()
    elsewhere = BegunElsewhere(reader)
    assert elsewhere.highest() is None
    elsewhere.close()
    os.close(writer)


def test_a_system_without_files_in_memory_has_temporary_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    begun = Begun()
    elsewhere = BegunElsewhere(os.dup(begun.descriptor))
    begun.mark(3)
    assert elsewhere.highest() == 3
    begun.close()
    elsewhere.close()


def test_a_file_that_cannot_be_mapped_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, size: int) -> None:
        raise OSError(12, "no memory")

    monkeypatch.setattr(mmap, "mmap", fail)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="no memory"):
        Begun()
    assert len(os.listdir("/dev/fd")) == before
