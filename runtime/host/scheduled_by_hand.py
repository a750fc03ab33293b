"""Cron triggers that somebody fires by hand, in ``perdure dev``, at a path of wrangler's."""

from ...actors.clock import Clock
from ...actors.http import Request, Response
from .scheduled import ScheduledEvent
from .worker import OnResponse, Worker

PATH = "/cdn-cgi/handler/scheduled"
TEST_PATH = "/__scheduled"  # wrangler's, with --test-scheduled


class ScheduledByHand:
    """Answers requests in a Worker's place, and those to ``PATH`` itself.

    ``?cron=`` says which trigger the event tells of, ``&time=`` for when, in Unix milliseconds;
    neither need be in the configuration.

    Args:
        worker: The Worker.
        clock: The machine's, unless a test has another.
        test_scheduled: Those to ``TEST_PATH``, too, whose answer shows what the handler raised.
    """

    def __init__(self, worker: Worker, clock: Clock, *, test_scheduled: bool = False) -> None:
        self._test_scheduled = test_scheduled
        self._worker = worker
        self._clock = clock

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have ``request`` answered; see ``Worker.fetch``."""
        url = request.parsed_url
        is_test = self._test_scheduled and url.path == TEST_PATH
        if url.path != PATH and not is_test:
            self._worker.fetch(request, on_response)
            return
        time = url.query.get("time", "")
        if time and not (time.isascii() and time.isdecimal()):
            message = f"time should be Unix milliseconds, but is {time!r}.\n"
            on_response(Response(message, status=400), None)
            return
        event = ScheduledEvent(
            cron=url.query.get("cron", ""),
            scheduled_time=int(time) if time else self._clock.time_ms(),
        )

        def answer(error: BaseException | None) -> None:
            if is_test:
                ran = Response("Ran scheduled event") if error is None else None
                on_response(ran, error)
                return
            text, status = ("ok", 200) if error is None else ("exception", 500)
            on_response(Response(text, status=status), None)

        self._worker.scheduled(event, answer)
