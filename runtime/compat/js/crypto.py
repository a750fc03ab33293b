"""``crypto``: random numbers, digests, HMAC, AES-GCM, PBKDF2 and HKDF."""

import hashlib
import hmac
import os
import uuid
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .buffers import ArrayBuffer, JsBuffer, TypedArray, Uint8Array, bytes_of
from .errors import DOMException, NotAvailable, TypeError_
from .options import options_of
from .promises import Promise
from .proxies import JsProxy
from .pyproxies import unwrapped
from .text_codecs import atob, btoa
from .values import JsDict, JsList

_RANDOM_SIZE_BYTES_MAX = 65536
_DIGESTS = {
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
    "MD5": "md5",
}
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "SHA-1": hashes.SHA1,
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
}
_HMAC_KEY_SIZES = {"SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128}
_KEYS = ("HMAC", "AES-GCM", "PBKDF2", "HKDF")
_TAG_SIZE = 16
_ALGORITHM = (
    "name",
    "hash",
    "iv",
    "additionalData",
    "salt",
    "iterations",
    "info",
    "length",
    "tagLength",
)


class CryptoKey(JsProxy):
    """A key, and what it may be used for."""

    def __init__(
        self, data: bytes, algorithm: JsDict, usages: list[str], *, extractable: bool
    ) -> None:
        self.data = data
        self.type = "secret"
        self.algorithm = algorithm
        self.usages = JsList(usages)
        self.extractable = extractable

    def check(self, name: str, usage: str) -> None:
        """Raise unless it is a key of this algorithm for this use."""
        if self.algorithm["name"] != name:
            raise DOMException(f"This key is not for {name}.", "InvalidAccessError")
        if usage not in self.usages:
            message = f'Requested key usage "{usage}" does not match any usage listed in this key.'
            raise DOMException(message, "InvalidAccessError")


def _algorithm(given: Any) -> dict[str, Any]:
    held = unwrapped(given)
    found = {"name": held} if isinstance(held, str) else options_of(held, {}, _ALGORITHM)
    found["name"] = str(found.get("name", "")).upper()
    known = found.get("hash")
    if known is not None:
        found["hash"] = str(known if isinstance(known, str) else known["name"]).upper()
    return found


def _digest_of(name: str) -> str:
    if name not in _DIGESTS:
        raise DOMException(f'Unrecognized digest algorithm "{name}".', "NotSupportedError")
    return _DIGESTS[name]


def _data(value: Any) -> bytes:
    held = unwrapped(value)
    if not isinstance(held, JsBuffer | bytes | bytearray | memoryview):
        raise TypeError_("The data is not of type 'ArrayBuffer or ArrayBufferView'.")
    return bytes_of(held)


def _unknown(name: str) -> NotAvailable:
    return NotAvailable(
        f"crypto.subtle with {name}", "use the package `cryptography`, which perdure brings"
    )


class SubtleCrypto(JsProxy):
    """``await crypto.subtle.digest("SHA-256", data)`` and so on."""

    def digest(self, algorithm: Any, data: Any) -> Promise:
        return _promise(
            lambda: hashlib.new(_digest_of(_algorithm(algorithm)["name"]), _data(data)).digest()
        )

    def importKey(
        self, format: str, data: Any, algorithm: Any, extractable: bool, usages: Any
    ) -> Promise:
        """A key from its bytes ("raw") or a JSON Web Key ("jwk")."""
        return _promise(lambda: _imported(format, data, _algorithm(algorithm), extractable, usages))

    def exportKey(self, format: str, key: CryptoKey) -> Promise:
        return _promise(lambda: _exported(format, key))

    def generateKey(self, algorithm: Any, extractable: bool, usages: Any) -> Promise:
        """A new key for HMAC or AES-GCM."""
        return _promise(lambda: _generated(_algorithm(algorithm), extractable, usages))

    def sign(self, algorithm: Any, key: CryptoKey, data: Any) -> Promise:
        """The HMAC of ``data``."""
        return _promise(lambda: _signature(_algorithm(algorithm), key, "sign", data))

    def verify(self, algorithm: Any, key: CryptoKey, signature: Any, data: Any) -> Promise:
        """Whether ``signature`` is the HMAC of ``data``."""
        given = _data(signature)
        return _promise(
            lambda: hmac.compare_digest(
                _signature(_algorithm(algorithm), key, "verify", data), given
            )
        )

    def encrypt(self, algorithm: Any, key: CryptoKey, data: Any) -> Promise:
        return _promise(lambda: _sealed(_algorithm(algorithm), key, data))

    def decrypt(self, algorithm: Any, key: CryptoKey, data: Any) -> Promise:
        return _promise(lambda: _opened(_algorithm(algorithm), key, data))

    def deriveBits(self, algorithm: Any, key: CryptoKey, length: int) -> Promise:
        """So many bits from a password or a key."""
        return _promise(lambda: _derived(_algorithm(algorithm), key, int(length) // 8))

    def timingSafeEqual(self, one: Any, other: Any) -> bool:
        """Whether both are equal, in a time that does not tell where they differ."""
        first, second = _data(one), _data(other)
        if len(first) != len(second):
            raise TypeError_("Input buffers must have the same byte length.")
        return hmac.compare_digest(first, second)


def _promise(work: Callable[[], Any]) -> Promise:
    try:
        result = work()
    except Exception as error:
        return Promise.reject(error)
    return Promise.resolve(ArrayBuffer(result) if isinstance(result, bytes) else result)


def _imported(
    format: str, data: Any, algorithm: dict[str, Any], extractable: bool, usages: Any
) -> CryptoKey:
    name = algorithm["name"]
    if name not in _KEYS or format not in {"raw", "jwk"}:
        raise _unknown(f"keys for {name} as {format}")
    if format == "jwk":
        text = options_of(data, {}, ("k",))["k"].replace("-", "+").replace("_", "/")
        secret = atob(text).encode("latin-1")
    else:
        secret = _data(data)
    if name == "AES-GCM" and len(secret) not in {16, 24, 32}:
        raise DOMException("Imported AES key length must be 128, 192, or 256 bits.", "DataError")
    return _key(secret, algorithm, extractable, usages)


def _key(secret: bytes, algorithm: dict[str, Any], extractable: bool, usages: Any) -> CryptoKey:
    said = JsDict({"name": algorithm["name"], "length": len(secret) * 8})
    if algorithm["name"] == "HMAC":
        _digest_of(algorithm.get("hash", ""))
        said["hash"] = JsDict({"name": algorithm["hash"]})
    return CryptoKey(secret, said, list(unwrapped(usages)), extractable=bool(extractable))


def _exported(format: str, key: CryptoKey) -> Any:
    if not key.extractable:
        raise DOMException("Attempt to export non-extractable key.", "InvalidAccessError")
    if format == "raw":
        return key.data
    if format != "jwk":
        raise _unknown(f"keys as {format}")
    text = btoa(ArrayBuffer(key.data)).rstrip("=").replace("+", "-").replace("/", "_")
    return JsDict({"kty": "oct", "k": text, "ext": True, "key_ops": JsList(key.usages)})


def _generated(algorithm: dict[str, Any], extractable: bool, usages: Any) -> CryptoKey:
    name = algorithm["name"]
    if name == "HMAC":
        _digest_of(algorithm.get("hash", ""))
        size = int(algorithm.get("length", 0)) // 8 or _HMAC_KEY_SIZES[algorithm["hash"]]
    elif name == "AES-GCM":
        size = int(algorithm.get("length", 0)) // 8
        if size not in {16, 24, 32}:
            raise DOMException("AES key length must be 128, 192, or 256 bits.", "OperationError")
    else:
        raise _unknown(f"new keys for {name}")
    return _key(os.urandom(size), algorithm, extractable, usages)


def _signature(algorithm: dict[str, Any], key: CryptoKey, usage: str, data: Any) -> bytes:
    if algorithm["name"] != "HMAC":
        raise _unknown(f"{usage} for {algorithm['name']}")
    key.check("HMAC", usage)
    return hmac.digest(key.data, _data(data), _digest_of(key.algorithm["hash"]["name"]))


def _cipher(algorithm: dict[str, Any], key: CryptoKey, usage: str) -> tuple[AESGCM, bytes, bytes]:
    if algorithm["name"] != "AES-GCM" or int(algorithm.get("tagLength", 128)) != _TAG_SIZE * 8:
        raise _unknown(f"{usage} for {algorithm['name']}")
    key.check("AES-GCM", usage)
    if "iv" not in algorithm:
        raise TypeError_('Missing field "iv" in "algorithm".')
    return AESGCM(key.data), _data(algorithm["iv"]), _data(algorithm.get("additionalData", b""))


def _sealed(algorithm: dict[str, Any], key: CryptoKey, data: Any) -> bytes:
    cipher, iv, extra = _cipher(algorithm, key, "encrypt")
    return cipher.encrypt(iv, _data(data), extra)


def _opened(algorithm: dict[str, Any], key: CryptoKey, data: Any) -> bytes:
    cipher, iv, extra = _cipher(algorithm, key, "decrypt")
    try:
        return cipher.decrypt(iv, _data(data), extra)
    except InvalidTag as error:
        message = "Decryption failed. This could be due to a ciphertext authentication failure."
        raise DOMException(message, "OperationError") from error


def _derived(algorithm: dict[str, Any], key: CryptoKey, size: int) -> bytes:
    name = algorithm["name"]
    if name not in {"PBKDF2", "HKDF"}:
        raise _unknown(f"deriveBits for {name}")
    key.check(name, "deriveBits")
    digest, salt = _digest_of(algorithm.get("hash", "")), _data(algorithm["salt"])
    if name == "PBKDF2":
        return hashlib.pbkdf2_hmac(digest, key.data, salt, int(algorithm["iterations"]), size)
    info = _data(algorithm.get("info", b""))
    return HKDF(_HASHES[algorithm["hash"]](), size, salt, info).derive(key.data)


class Crypto(JsProxy):
    """``crypto.randomUUID()``, ``crypto.getRandomValues(array)``, ``crypto.subtle``."""

    def __init__(self) -> None:
        self.subtle = SubtleCrypto()

    def randomUUID(self) -> str:
        return str(uuid.uuid4())

    def getRandomValues(self, target: Any) -> Any:
        """Fill a typed array, or a writable Python buffer, with random bytes."""
        held = unwrapped(target)
        is_array = isinstance(held, TypedArray)
        size = held.byteLength if is_array else len(held)
        if size > _RANDOM_SIZE_BYTES_MAX:
            message = (
                f"getRandomValues() only accepts buffers of size <= 64K but provided {size} bytes."
            )
            raise DOMException(message, "QuotaExceededError")
        if is_array:
            Uint8Array(held.buffer, held.byteOffset, size).set(os.urandom(size))
        else:
            memoryview(held)[:] = os.urandom(size)
        return target


crypto = Crypto()
