import logging

import pytest

from perdure.runtime.observe.formatters import TextFormatter
from perdure.runtime.shards.supervisor.records import log_with_text


def test_the_text_of_another_process_stands_below_the_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("perdure.supervisor")
    with caplog.at_level(logging.INFO, log.name):
        log_with_text(log, logging.WARNING, "child.silent", {"pid": 7}, "Stack\n  in fetch")
        log_with_text(log, logging.DEBUG, "not of interest", {}, None)
    (record,) = caplog.records
    text = TextFormatter().format(record)
    assert "child.silent pid=7\n  Stack\n    in fetch" in text
