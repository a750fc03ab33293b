"""Reading what a rule does: how much is too much, and which proof it wants."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import did_you_mean
from ..positions import KeyPath
from ..report import Table, expected, shown
from .model import JwtProof, Limit, Per, Place, Proof, Rate, Secret, SignatureProof, TokenProof

LIMIT_KEYS = ("rate", "burst", "connections", "per")
PROOF_KEYS = ("jwt", "signature", "token")
ALGORITHMS = (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "ES256K", "EdDSA",
)  # fmt: skip
WHERE_TO_KEEP_IT = (
    "The file is no place for secrets. Write one of these:\n"
    'key = { env = "NAME" }   # an environment variable\n'
    'key = { var = "NAME" }   # of .dev.vars or --var\n'
    'key = { file = "login.pem" }'
)
_SOURCES = ("var", "env", "file")
_PERIODS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_RATE = re.compile(r"\s*([0-9]{1,9})\s*/\s*([a-z]+)\s*")
_PER_KINDS = ("address", "header", "cookie", "everyone")
_PLACE_KINDS = ("bearer", "header", "cookie", "query", "protocol")
_NAMELESS = frozenset({"address", "everyone", "bearer"})
_BEARER = (Place("bearer"),)


def read_limit(table: Table) -> Limit | None:
    """Read the keys of a rule that limits; None if they are of no use, which was reported."""
    rate, connections = _read_rate(table), _find_count(table, "connections")
    if "rate" not in table and "connections" not in table:
        message = f'"{table.label}" limits, but says neither "rate" nor "connections".'
        table.report.error(table.path, message, 'For instance: rate = "10/s"')
        return None
    if "burst" in table and "rate" not in table:
        message = f'"{table.name("burst")}" needs "rate".'
        table.report.error(table.key("burst"), message)
    return Limit(rate, connections, _read_per(table))


def read_proof(table: Table, base_dir: Path) -> Proof | None:
    """Read the table with the proof that a rule wants; None if it is of no use."""
    named = [key for key in PROOF_KEYS if key in table]
    if len(named) != 1:
        what = "names no proof" if not named else f"names {' and '.join(named)}"
        message = f'"{table.label}" requires something, but {what}.'
        hint = (
            "Write one of these; two proofs are two rules:\n"
            'jwt = { algorithms = ["HS256"], key = { env = "JWT_SECRET" } }\n'
            'signature = { key = { env = "URL_SECRET" } }\n'
            'token = { key = { env = "API_TOKEN" } }'
        )
        table.report.error(table.path, message, hint)
        return None
    proof = table.find_table(named[0])
    if proof is None:
        return None
    if named[0] == "jwt":
        return _read_jwt(proof, base_dir)
    if named[0] == "token":
        _refuse_unknown(proof, ("key", "from"))
        return TokenProof(_read_keys(proof, base_dir), _read_places(proof))
    return _read_signature(proof, base_dir)


def _read_jwt(table: Table, base_dir: Path) -> JwtProof:
    keys = ("algorithms", "key", "from", "audience", "issuer", "claims", "leeway_s")
    _refuse_unknown(table, keys)
    claims = table.find_strings("claims")
    leeway = table.find_number("leeway_s")
    if leeway is not None and not 0 <= leeway <= 3600:
        message = f'Expected "{table.name("leeway_s")}" to be from 0 to 3600 but got {leeway}.'
        table.report.error(table.key("leeway_s"), message)
    return JwtProof(
        _read_algorithms(table),
        _read_keys(table, base_dir),
        _read_places(table),
        _find_texts(table, "audience"),
        _find_texts(table, "issuer"),
        ("exp",) if claims is None else claims,
        leeway or 0.0,
    )


def _read_algorithms(table: Table) -> Sequence[str]:
    names = _find_texts(table, "algorithms")
    key, label = table.key("algorithms"), table.name("algorithms")
    if not names and not table.values.get("algorithms"):
        hint = 'Say which your tokens are signed with, for instance: algorithms = ["HS256"]'
        table.report.error(key, f'"{label}" is required.', hint)
    for name in names:
        if name not in ALGORITHMS:
            hint = did_you_mean(name, ALGORITHMS) or f"There are {', '.join(ALGORITHMS)}."
            if name.lower() == "none":
                hint = "A token that nobody has signed proves nothing."
            table.report.error(key, f'"{label}" cannot hold {shown(name)}.', hint)
    # RS and PS share their keys; a secret that is at once a public key would be no secret.
    families = {"RS" if name[:2] == "PS" else name[:2] for name in names if name in ALGORITHMS}
    if len(families) > 1:
        message = f'"{label}" holds algorithms that do not share their keys.'
        table.report.error(key, message, "Keep those of one kind; two kinds are two rules.")
    return names


def _read_signature(table: Table, base_dir: Path) -> SignatureProof:
    _refuse_unknown(table, ("key", "signature", "expires"))
    proof = SignatureProof(
        _read_keys(table, base_dir),
        _find_parameter(table, "signature") or "signature",
        _find_parameter(table, "expires") or "expires",
    )
    if proof.signature == proof.expires:
        message = f'"{table.label}" has two parameters of one name.'
        table.report.error(table.path, message)
    return proof


def _find_parameter(table: Table, key: str) -> str | None:
    value = table.find_string(key)
    if value is None or re.fullmatch(r"[A-Za-z0-9_.~-]+", value):
        return value
    message = f'"{table.name(key)}" cannot be {shown(value)}.'
    hint = "It is the name of a parameter: letters, digits and -._~"
    table.report.error(table.key(key), message, hint)
    return None


def _read_keys(table: Table, base_dir: Path) -> Sequence[Secret]:
    """Read ``key``: where a secret is, or an array of such for the time of a change."""
    value = table.values.get("key")
    if value is None:
        hint = 'Say where it is: key = { env = "NAME" }'
        table.report.error(table.key("key"), f'"{table.name("key")}" is required.', hint)
        return ()
    if value == []:
        table.report.error(table.key("key"), f'"{table.name("key")}" is empty.')
    if not isinstance(value, list):
        value, paths = [value], [table.key("key")]
    else:
        paths = [(*table.key("key"), number) for number in range(len(value))]
    found = (
        _read_secret(table, path, item, base_dir) for path, item in zip(paths, value, strict=True)
    )
    return tuple(secret for secret in found if secret is not None)


def _read_secret(table: Table, path: KeyPath, item: object, base_dir: Path) -> Secret | None:
    if isinstance(item, dict) and len(item) == 1:
        ((source, name),) = item.items()
        if source in _SOURCES and isinstance(name, str) and name:
            name = str(base_dir / name) if source == "file" else name
            place = table.report.document.positions.find(path)
            line, column = (place.line, place.column) if place else (None, None)
            return Secret(source, name, path, line, column)
    # Whatever stands there may be the secret: it is not shown.
    message = f'"{table.name("key")}" should say where the secret is.'
    table.report.error(path, message, WHERE_TO_KEEP_IT)
    return None


def _read_places(table: Table) -> Sequence[Place]:
    texts = _find_texts(table, "from")
    found = [_read_kind(table, "from", text, _PLACE_KINDS) for text in texts]
    return tuple(Place(*place) for place in found if place is not None) or _BEARER


def _read_per(table: Table) -> Per:
    text = table.find_string("per")
    found = None if text is None else _read_kind(table, "per", text, _PER_KINDS)
    return Per() if found is None else Per(*found)


def _read_kind(table: Table, key: str, text: str, kinds: Sequence[str]) -> tuple[str, str] | None:
    """Read ``kind`` or ``kind:name``."""
    kind, colon, name = text.partition(":")
    if kind in kinds and bool(name) == bool(colon) == (kind not in _NAMELESS):
        return kind, name
    forms = [kind if kind in _NAMELESS else f"{kind}:NAME" for kind in kinds]
    message = f'"{table.name(key)}" cannot be {shown(text)}.'
    table.report.error(table.key(key), message, f"It is one of {', '.join(forms)}.")
    return None


def _read_rate(table: Table) -> Rate | None:
    text, burst = table.find_string("rate"), _find_count(table, "burst")
    if text is None:
        return None
    found = _RATE.fullmatch(text)
    if found is None or found[2] not in _PERIODS or not int(found[1]):
        message = f'"{table.name("rate")}" cannot be {shown(text)}.'
        hint = 'Write a number and a time, such as "10/s", "100/min", "1000/h" or "5000/d".'
        table.report.error(table.key("rate"), message, hint)
        return None
    count = int(found[1])
    return Rate(count, _PERIODS[found[2]], burst or count)


def _find_count(table: Table, key: str) -> int | None:
    value = table.find_number(key, whole=True)
    if value is None or value > 0:
        return None if value is None else int(value)
    message = f'Expected "{table.name(key)}" to be more than 0 but got {shown(value)}.'
    table.report.error(table.key(key), message)
    return None


def _find_texts(table: Table, key: str) -> Sequence[str]:
    """Return an array of strings, or a single one."""
    value = table.values.get(key)
    if isinstance(value, str):
        return (value,)
    if value is not None and not isinstance(value, list):
        message = f"{expected(table.name(key), 'string array')} but got {shown(value)}."
        table.report.error(table.key(key), message)
        return ()
    return table.find_strings(key) or ()


def _refuse_unknown(table: Table, known: Sequence[str]) -> None:
    for key in table.values:
        if key not in known:
            message = f'There is no setting "{table.name(key)}".'
            table.report.error(table.key(key), message, did_you_mean(key, known))
