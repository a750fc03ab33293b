"""What the runtime tells of itself: its log, a stream of events, and traces.

Here: how records look as text and as JSON, and the one function that sets logging up; the stream
that ``perdure tail`` reads, and what taps the process for it; spans of OpenTelemetry. Not here:
who logs what; each subsystem has its own ``logging.getLogger("perdure.<name>")`` and never
configures it.
"""
