"""Nobody watches until somebody does."""

from perdure.actors.watch import Watch


def test_nobody_watches_at_first() -> None:
    watch = Watch()
    assert (watch.tell, watch.tracer) == (None, None)
