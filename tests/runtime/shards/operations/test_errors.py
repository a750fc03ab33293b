"""What is told of processes that did not do what was asked for."""

from perdure.runtime.shards.operations.errors import away, lost, stopping
from tests.runtime.shards.operations.crew import worker


def test_what_was_not_done_can_be_asked_for_again_and_what_may_have_been_cannot() -> None:
    for error in (away(worker("2"), 30.0), stopping()):
        assert error.failure.hint.startswith("Nothing was done.")
        assert not error.failure.is_usage
    assert "worker 2" in str(away(worker("2"), 30.0))
    assert "not known" in lost(worker("2")).message
