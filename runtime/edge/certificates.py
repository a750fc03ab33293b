"""The certificate that the server shows, and its key: read, checked, and read again.

Promise:
    What ``context`` gives has a certificate and the key that belongs to it. A pair that cannot be
    used is refused as a whole, and the one before it stays in use.
Rules for editing this file:
    Import it where it is needed: cryptography takes 0.1 s, and most servers speak no TLS.
"""

import asyncio
import logging
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from ..config.model import TlsConfig
from ..config.tls import CertificateRefused

log = logging.getLogger("perdure.edge")

# Renewals are not urgent: they come weeks before the old certificate ends.
LOOKS_INTERVAL_S = 10.0
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_Stamp = tuple[tuple[int, int, int] | None, ...]


class Certificates:
    """The pair that new connections get. Connections that are open keep theirs.

    Args:
        config: Where the files are.

    Raises:
        CertificateRefused: They cannot be used.
    """

    def __init__(self, config: TlsConfig) -> None:
        self._config = config
        self._files = (config.cert, config.key or config.cert)
        self._stamp = self._look()
        self._timer: asyncio.TimerHandle | None = None
        self.context = _load(config)

    @staticmethod
    def check(config: TlsConfig) -> None:
        """See whether another process could use them; it warns of dates itself.

        Raises:
            CertificateRefused: It could not.
        """
        _read_pair(config)

    def reload(self) -> None:
        """Read the files again; what cannot be used is logged, and changes nothing."""
        self._stamp = self._look()
        try:
            self.context = _load(self._config)
        except CertificateRefused as refused:
            log.error(  # noqa: TRY400  # the place in our code says nothing
                "tls.certificate_refused", extra={"file": str(refused.file), "why": refused.why}
            )
        else:
            log.info("tls.certificate_loaded", extra={"file": str(self._config.cert)})

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the files again when they have changed; until ``close``."""
        self._timer = loop.call_later(LOOKS_INTERVAL_S, self._look_again, loop)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._look() != self._stamp:
            self.reload()
        self.watch(loop)

    def _look(self) -> _Stamp:
        return tuple(_stamp_of(file) for file in self._files)


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()  # follows links, which is how certbot renews
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _load(config: TlsConfig) -> ssl.SSLContext:
    """Make a context; a certificate that is out of its time is warned of.

    Raises:
        CertificateRefused: It cannot be made.
    """
    context, cert = _read_pair(config)
    _warn_of_dates(config.cert, cert)
    return context


def _read_pair(config: TlsConfig) -> tuple[ssl.SSLContext, x509.Certificate]:
    key_file = config.key or config.cert
    cert = _parse_cert(config.cert)
    _check_key(key_file, cert, is_own_file=config.key is not None)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = _VERSIONS[config.min_version]
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.cert, key_file, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise CertificateRefused(config.cert, f"OpenSSL cannot use it: {reason}.") from error
    return context, cert


def _no_password() -> str:
    """OpenSSL would ask the terminal; ``_check_key`` has seen that there is nothing to ask."""
    return ""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise CertificateRefused(file, f"The file cannot be read: {why}.") from error


def _parse_cert(file: Path) -> x509.Certificate:
    text = _read(file)
    if b"-----BEGIN CERTIFICATE-----" not in text:
        why = "There is no certificate in it, in the PEM form: -----BEGIN CERTIFICATE-----."
        raise CertificateRefused(file, why)
    try:
        return x509.load_pem_x509_certificates(text)[0]  # the server's own comes first
    except ValueError as error:
        raise CertificateRefused(file, f"A certificate in it is damaged: {error}.") from error


def _check_key(file: Path, cert: x509.Certificate, *, is_own_file: bool) -> None:
    text = _read(file)
    if b"PRIVATE KEY-----" not in text:
        where = "" if is_own_file else " Name the file it is in with --tls-key (perdure.tls.key)."
        raise CertificateRefused(file, f"There is no private key in it, in the PEM form.{where}")
    try:
        key = load_pem_private_key(text, password=None)
    except TypeError as error:
        why = (
            "The private key is protected by a password, which nobody can type at a server. "
            "Write one without: openssl pkey -in KEY -out KEY2, readable by the server's user only."
        )
        raise CertificateRefused(file, why) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        first = str(error).partition("\n")[0]
        raise CertificateRefused(file, f"The private key is damaged: {first}.") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != cert.public_key().public_bytes(*form):
        who = cert.subject.rfc4514_string() or "the server"
        why = f"The private key is not that of the certificate (of {who}), which has to come first."
        raise CertificateRefused(file, why)


def _warn_of_dates(file: Path, cert: x509.Certificate) -> None:
    """Clients refuse it, which they tell their users; here somebody has to be told too."""
    now = datetime.now(UTC)
    begins, ends = cert.not_valid_before_utc, cert.not_valid_after_utc
    if now > ends:
        log.warning("tls.certificate_expired", extra={"file": str(file), "ended": str(ends)})
    elif now < begins:
        log.warning("tls.certificate_too_new", extra={"file": str(file), "begins": str(begins)})
