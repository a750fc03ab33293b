"""Cron triggers that somebody fires by hand, in ``perdure dev``, at a path of wrangler's."""

from ...actors.clock import Clock
from ...actors.http import Request, Response
from .scheduled import ScheduledEvent
from .worker import OnResponse, Worker

PATH = "/cdn-cgi/handler/scheduled"


class ScheduledByHand:
    """Answers requests in a Worker's place, and those to ``PATH`` itself.

    ``?cron=`` says which trigger the event tells of, ``&time=`` for when, in Unix milliseconds;
    neither need be in the configuration.
    """

    def __init__(self, worker: Worker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have ``request`` answered; see ``Worker.fetch``."""
        url = request.parsed_url
        if url.path != PATH:
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
            text, status = ("ok", 200) if error is None else ("exception", 500)
            on_response(Response(text, status=status), None)

        self._worker.scheduled(event, answer)
