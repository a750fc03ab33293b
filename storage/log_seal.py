"""Ends a log for good at what is durable in it, when its writer is dead.

*Promise*: when ``seal_log`` returns, everything that a recovery of the log will find is durable,
and nothing that the dead writer may still have had on its way is ever taken for a part of it: the
next one who opens the log begins another epoch, in another segment.
*Assumes*: the writer is dead, not merely silent; the lock of the log says so.
*Considered and refused*: sealing when a log is opened. Its CHECKPOINT then says that nothing of
the segments before is needed, which ends them as well; a seal is for the time until then.
"""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from .log_directory import LogDirectory
from .log_scan import scan
from .logformat import Change, RecordKind, encode_record

# A seal is nobody's; a record has room for an actor.
NOBODY = ("", bytes(32))


def seal_log(directory: Path, time_ms: int) -> int:
    """Seal the log in ``directory``; one that is sealed stays as it is.

    The actors' files are not touched: recovery does that (storage/recovery.py).

    Args:
        directory: The log's, ``log/<slot>``.
        time_ms: Now, in Unix milliseconds.

    Returns:
        The number of the last record that counts, which may be the seal.

    Raises:
        DirectoryInUse: Its writer lives.
        LogCorrupt: Something is missing that was durable; nothing was changed.
        OSError: It cannot be read or written; do it again when that is mended.
    """
    with closing(LogDirectory.open(directory)) as log:
        checkpoint = log.read_checkpoint()
        found = scan(directory, checkpoint)
        if found.segment < checkpoint.segment:  # nothing was written since
            log.write_checkpoint(replace(checkpoint, epoch=checkpoint.epoch + 1))
            return found.lsn
        path, header = found.segments[-1]
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)  # what was read may be in the kernel's memory only
            if not found.is_sealed:
                seal = encode_record(
                    Change(RecordKind.SEAL, *NOBODY),
                    lsn=found.lsn + 1,
                    durable_lsn=found.lsn,
                    epoch=found.epoch,
                    incarnation=found.incarnation,
                    commit=found.commit + 1,
                    time_ms=time_ms,
                    salt=header.salt,
                )
                os.pwrite(descriptor, seal, found.end)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return found.lsn if found.is_sealed else found.lsn + 1
