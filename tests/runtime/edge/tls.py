"""Certificates made for a test, and the clients that trust them."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

AUTHORITY = trustme.CA()  # to make one takes a while, and all tests can trust the same


@dataclass(frozen=True)
class TlsFiles:
    """A certificate for 127.0.0.1 and localhost, and its key, on the disk."""

    cert: Path
    key: Path
    leaf: trustme.LeafCert

    @property
    def toml(self) -> str:
        return f'[perdure.tls]\ncert = "{self.cert}"\nkey = "{self.key}"\n'


def issue(
    folder: Path, *, name: str = "localhost", days: int | None = None, key_type: str = "ECDSA"
) -> TlsFiles:
    """Write a certificate and its key; with ``days`` below 0 it has expired."""
    folder.mkdir(exist_ok=True)
    until = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    leaf = AUTHORITY.issue_cert(
        "127.0.0.1", name, not_after=until, key_type=trustme.KeyType[key_type]
    )
    files = TlsFiles(folder / "cert.pem", folder / "key.pem", leaf)
    files.cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    files.key.write_bytes(leaf.private_key_pem.bytes())
    return files


def client_context() -> ssl.SSLContext:
    """What a client needs to trust certificates of ``issue``."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def serial_of(certificate: bytes) -> int:
    """The number of a certificate in DER: no two that are issued have the same."""
    from cryptography import x509

    return x509.load_der_x509_certificate(certificate).serial_number
