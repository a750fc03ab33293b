"""``[perdure.tls]``: the certificate the server shows, when it speaks TLS itself."""

from collections.abc import Sequence
from pathlib import Path

from ...storage.errors import UsageError
from .errors import Problem, did_you_mean
from .model import TLS_VERSIONS, TlsConfig
from .report import Table

KEYS = ("cert", "key", "min_version")


class CertificateRefused(UsageError):
    """A certificate or its key cannot be used.

    Attributes:
        file: The file that is at fault.
        why: What is wrong with it, and what to do.
    """

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        self.why = why
        super().__init__(file, why)

    @property
    def problems(self) -> Sequence[Problem]:
        """The same, as what is wrong with a configuration is told."""
        return [Problem(self.file, "", None, None, self.why)]

    def __str__(self) -> str:
        return f"{self.file}: {self.why}"


def read_tls(table: Table, base_dir: Path) -> TlsConfig | None:
    """Read ``tls`` of ``[perdure]``; None without it, or when it has been reported as of no use.

    Args:
        table: ``[perdure]``.
        base_dir: What the paths in it start from.
    """
    tls = table.find_table("tls")
    if tls is None:
        return None
    for name in tls.values:
        if name not in KEYS:
            message = f'There is no setting "{tls.name(name)}".'
            tls.report.error(tls.key(name), message, did_you_mean(name, KEYS))
    cert, key = tls.find_string("cert"), tls.find_string("key")
    version = tls.find_choice("min_version", TLS_VERSIONS)
    if not cert:
        if "cert" not in tls or cert == "":
            hint = 'It names the file with the certificate and those above it: cert = "cert.pem"'
            tls.report.error(tls.path, f'"{tls.name("cert")}" is a required field.', hint)
        return None
    found = TlsConfig(base_dir / cert, base_dir / key if key else None)
    return TlsConfig(found.cert, found.key, version) if version else found
