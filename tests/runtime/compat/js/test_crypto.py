"""``crypto``, held against Python's own modules and published vectors."""

import hashlib
import hmac
import types
import uuid
from typing import Any

import pytest

from perdure.runtime.compat.js.proxies import JsException


def test_random_values(js: types.ModuleType) -> None:
    one = js.crypto.randomUUID()
    assert uuid.UUID(one).version == 4
    assert one != js.crypto.randomUUID()
    numbers = js.Uint8Array.new(32)
    assert js.crypto.getRandomValues(numbers) is numbers
    assert numbers.to_bytes() != bytes(32)
    mine = bytearray(32)
    js.crypto.getRandomValues(mine)
    assert mine != bytes(32)
    with pytest.raises(js.DOMException) as caught:
        js.crypto.getRandomValues(js.Uint8Array.new(65537))
    assert caught.value.name == "QuotaExceededError"


@pytest.mark.parametrize("name", ["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5"])
async def test_digests(js: types.ModuleType, name: str) -> None:
    expected = hashlib.new(name.replace("-", ""), b"data").digest()
    for algorithm in (name, name.lower(), js.Object.new(name=name)):
        digest = await js.crypto.subtle.digest(algorithm, js.TextEncoder.new().encode("data"))
        assert digest.to_bytes() == expected
        assert isinstance(digest, js.ArrayBuffer)


async def test_hmac_is_signed_and_verified(js: types.ModuleType, ffi: Any) -> None:
    algorithm = ffi.to_js({"name": "HMAC", "hash": "SHA-256"}, dict_converter=js.Object.fromEntries)
    key = await js.crypto.subtle.importKey("raw", b"key", algorithm, False, ["sign", "verify"])
    signature = await js.crypto.subtle.sign("HMAC", key, ffi.to_js(b"data"))
    assert signature.to_bytes() == hmac.digest(b"key", b"data", "sha256")
    assert await js.crypto.subtle.verify("HMAC", key, signature, b"data")
    assert not await js.crypto.subtle.verify("HMAC", key, signature, b"other")
    assert (key.type, key.algorithm.hash.name, key.usages) == (
        "secret",
        "SHA-256",
        ["sign", "verify"],
    )
    with pytest.raises(JsException, match="InvalidAccessError: Attempt to export non-extractable"):
        await js.crypto.subtle.exportKey("raw", key)


async def test_a_key_is_for_its_use_only(js: types.ModuleType) -> None:
    hmac_algorithm = {"name": "HMAC", "hash": {"name": "SHA-256"}}
    key = await js.crypto.subtle.importKey("raw", b"key", hmac_algorithm, False, ["verify"])
    with pytest.raises(JsException, match='Requested key usage "sign" does not match'):
        await js.crypto.subtle.sign("HMAC", key, b"data")
    with pytest.raises(JsException, match="This key is not for AES-GCM"):
        await js.crypto.subtle.encrypt({"name": "AES-GCM", "iv": b"x" * 12}, key, b"data")


async def test_aes_gcm_of_the_published_vector(js: types.ModuleType) -> None:
    # NIST's GCM test case 14: a key of 256 zero bits, and a block of zeros.
    key = await js.crypto.subtle.importKey(
        "raw", bytes(32), "AES-GCM", True, ["encrypt", "decrypt"]
    )
    algorithm = js.Object.new(name="AES-GCM", iv=js.Uint8Array.new(12))
    sealed = await js.crypto.subtle.encrypt(algorithm, key, bytes(16))
    assert sealed.to_bytes().hex() == (
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    )
    assert (await js.crypto.subtle.decrypt(algorithm, key, sealed)).to_bytes() == bytes(16)
    with pytest.raises(JsException, match="OperationError: Decryption failed"):
        await js.crypto.subtle.decrypt(algorithm, key, bytes(32))
    with pytest.raises(js.TypeError, match='Missing field "iv"'):
        await js.crypto.subtle.encrypt("AES-GCM", key, b"")


async def test_bits_of_the_published_vectors(js: types.ModuleType) -> None:
    # RFC 6070, the second.
    key = await js.crypto.subtle.importKey("raw", b"password", "PBKDF2", False, ["deriveBits"])
    algorithm = {"name": "PBKDF2", "hash": "SHA-1", "salt": b"salt", "iterations": 2}
    bits = await js.crypto.subtle.deriveBits(algorithm, key, 160)
    assert bits.to_bytes().hex() == "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"
    # RFC 5869, the first.
    key = await js.crypto.subtle.importKey("raw", b"\x0b" * 22, "HKDF", False, ["deriveBits"])
    algorithm = {
        "name": "HKDF",
        "hash": "SHA-256",
        "salt": bytes(range(13)),
        "info": bytes(range(0xF0, 0xFA)),
    }
    bits = await js.crypto.subtle.deriveBits(algorithm, key, 336)
    assert bits.to_bytes().hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


async def test_keys_are_made_and_exported(js: types.ModuleType) -> None:
    subtle = js.crypto.subtle
    key = await subtle.generateKey({"name": "HMAC", "hash": "SHA-512"}, True, ["sign"])
    raw = await subtle.exportKey("raw", key)
    assert raw.byteLength == 128
    as_json = await subtle.exportKey("jwk", key)
    again = await subtle.importKey(
        "jwk", as_json, {"name": "HMAC", "hash": "SHA-512"}, True, ["sign"]
    )
    assert (await subtle.exportKey("raw", again)) == raw
    aes = await subtle.generateKey({"name": "AES-GCM", "length": 256}, True, ["encrypt"])
    assert (await subtle.exportKey("raw", aes)).byteLength == 32


def test_equality_in_constant_time(js: types.ModuleType) -> None:
    assert js.crypto.subtle.timingSafeEqual(b"a", js.Uint8Array.new(b"a"))
    assert not js.crypto.subtle.timingSafeEqual(b"a", b"b")
    with pytest.raises(js.TypeError, match="must have the same byte length"):
        js.crypto.subtle.timingSafeEqual(b"a", b"ab")


async def test_what_is_not_there_is_told(js: types.ModuleType) -> None:
    subtle = js.crypto.subtle
    with pytest.raises(JsException, match="not available on perdure: use the package `cryptogr"):
        await subtle.importKey("raw", b"", "RSA-OAEP", True, [])
    with pytest.raises(JsException, match='Unrecognized digest algorithm "SHA-9"'):
        await subtle.digest("SHA-9", b"")
    with pytest.raises(JsException, match="not available on perdure"):
        await subtle.generateKey("ECDSA", True, [])
    with pytest.raises(js.TypeError, match="The data is not of type"):
        await subtle.digest("SHA-1", "text")
    with pytest.raises(JsException, match="AES key length"):
        await subtle.generateKey({"name": "AES-GCM", "length": 100}, True, [])
    with pytest.raises(JsException, match="DataError: Imported AES key length"):
        await subtle.importKey("raw", b"x", "AES-GCM", True, [])
