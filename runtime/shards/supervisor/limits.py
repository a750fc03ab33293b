"""How long a supervisor waits for what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SupervisionLimits:
    """Times of a supervisor and its children, in seconds.

    Attributes:
        ping_interval_s: Between two questions to a child whether it answers.
        silence_report_s: Without an answer for so long, its stack is logged.
        silence_max_s: Without an answer for so long, it is replaced; None for never, as while
            somebody debugs.
        stopped_max_s: Stopped by a signal for so long before it serves, it is replaced, unless
            ``silence_max_s`` is None. Clients wait 30 s for somebody who serves (peers.py).
        launch_timeout_s: From the launch of a process until it has imported the framework.
        start_timeout_s: To import its program.
        serve_timeout_s: To take over what serving needs, the recovery of its log among that.
        stop_timeout_s: From being told to end until its end; then it is killed.
        stack_timeout_s: For its stack to be there.
        backoff_first_s: After a death before serving, until the next try.
        backoff_max_s: The most that this grows to.
    """

    ping_interval_s: float = 1.0
    silence_report_s: float = 3.0
    silence_max_s: float | None = 30.0
    stopped_max_s: float = 10.0
    launch_timeout_s: float = 60.0
    start_timeout_s: float = 120.0
    serve_timeout_s: float = 300.0
    stop_timeout_s: float = 5.0
    stack_timeout_s: float = 2.0
    backoff_first_s: float = 0.25
    backoff_max_s: float = 30.0
