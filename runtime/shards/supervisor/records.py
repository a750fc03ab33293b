"""Log records with a text of another process below them: its stack, or its traceback."""

import logging


def log_with_text(
    log: logging.Logger, level: int, event: str, fields: dict[str, object], text: str | None
) -> None:
    """Log ``event`` with ``text`` where a record has the stack of its own process.

    Formatters put that below the line, indented, or in a field of its own.
    """
    if log.isEnabledFor(level):
        record = log.makeRecord(
            log.name, level, __file__, 0, event, (), None, extra=fields, sinfo=text
        )
        log.handle(record)
