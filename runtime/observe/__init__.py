"""What the runtime tells of itself: its log.

Here: how records look as text and as JSON, how a user's error looks without our frames, and
the one function that sets logging up. Not here: who logs what; each subsystem has its own
``logging.getLogger("perdure.<name>")`` and never configures it.
"""
