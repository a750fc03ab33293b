"""The certificate and its key: what is wrong with them is told, and changes are found."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from perdure.runtime.config.model import TlsConfig
from perdure.runtime.config.tls import CertificateRefused
from perdure.runtime.edge.certificates import Certificates
from tests.runtime.edge.tls import TlsFiles, issue

Change = Callable[[TlsFiles], None]


def protect(files: TlsFiles) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    files.key.write_bytes(key.private_bytes(*form))


def other_key(files: TlsFiles) -> None:
    files.key.write_bytes(issue(files.cert.parent / "other").key.read_bytes())


@pytest.mark.parametrize(
    ("change", "name", "why"),
    [
        (lambda f: f.cert.unlink(), "cert.pem", "cannot be read: No such file or directory"),
        (lambda f: f.key.unlink(), "key.pem", "cannot be read: No such file or directory"),
        (lambda f: f.cert.write_bytes(b"\0"), "cert.pem", "There is no certificate in it"),
        (lambda f: f.key.write_bytes(b"\0"), "key.pem", "There is no private key in it"),
        (
            lambda f: f.cert.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n"),
            "cert.pem",
            "A certificate in it is damaged",
        ),
        (
            lambda f: f.key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n"),
            "key.pem",
            "The private key is damaged",
        ),
        (protect, "key.pem", "The private key is protected by a password"),
        (other_key, "key.pem", "The private key is not that of the certificate"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, change: Change, name: str, why: str) -> None:
    files = issue(tmp_path)
    change(files)
    with pytest.raises(CertificateRefused) as refused:
        Certificates(TlsConfig(files.cert, files.key))
    assert refused.value.file == tmp_path / name
    assert why in str(refused.value)
    with pytest.raises(CertificateRefused) as again:
        Certificates.check(TlsConfig(files.cert, files.key))
    assert str(again.value) == str(refused.value)


def test_both_may_stand_in_one_file(tmp_path: Path) -> None:
    files = issue(tmp_path)
    with pytest.raises(CertificateRefused, match="--tls-key"):
        Certificates(TlsConfig(files.cert))
    files.cert.write_bytes(files.key.read_bytes() + files.cert.read_bytes())
    assert Certificates(TlsConfig(files.cert)).context.cert_store_stats()["x509"] == 0


@pytest.mark.parametrize("key_type", [each.name for each in trustme.KeyType])
def test_keys_of_all_usual_kinds(tmp_path: Path, key_type: str) -> None:
    files = issue(tmp_path, key_type=key_type)
    Certificates(TlsConfig(files.cert, files.key))


def test_the_oldest_version_is_configurable(tmp_path: Path) -> None:
    files = issue(tmp_path)
    for text, version in (("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)):
        context = Certificates(TlsConfig(files.cert, files.key, text)).context
        assert context.minimum_version is version


def test_a_certificate_that_has_expired_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = issue(tmp_path, days=-1)
    Certificates.check(TlsConfig(files.cert, files.key))
    assert caplog.records == []
    Certificates(TlsConfig(files.cert, files.key))
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "tls.certificate_expired")
    ]


def test_a_pair_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = issue(tmp_path)
    certificates = Certificates(TlsConfig(files.cert, files.key))
    before = certificates.context
    other_key(files)
    certificates.reload()
    assert certificates.context is before
    issue(tmp_path)
    certificates.reload()
    assert certificates.context is not before
    assert [r.getMessage() for r in caplog.records] == [
        "tls.certificate_refused",
        "tls.certificate_loaded",
    ]


async def test_files_that_change_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.edge.certificates.LOOKS_INTERVAL_S", 0.001)
    files = issue(tmp_path)
    # As certbot has it: a link that is set to the next pair.
    link = tmp_path / "live"
    link.symlink_to(files.cert)
    certificates = Certificates(TlsConfig(link, files.key))
    before = certificates.context
    certificates.watch(asyncio.get_running_loop())
    try:
        link.unlink()  # for a moment there is none
        await asyncio.sleep(0)
        new = issue(tmp_path / "new")
        os.replace(new.key, files.key)
        link.symlink_to(new.cert)
        async with asyncio.timeout(30):
            while certificates.context is before:
                await asyncio.sleep(0.001)
    finally:
        certificates.close()
