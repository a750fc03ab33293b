"""Where a log goes on when nothing is there yet."""

from perdure.storage.log_start import LogStart


def test_a_log_that_never_was_begins_with_its_first_record_and_epoch() -> None:
    start = LogStart()
    assert (start.lsn, start.segment, start.epoch) == (0, 0, 1)
    assert (start.commit, start.incarnation) == (0, 1)
    assert start.files == ()
    assert start.segments == ()
