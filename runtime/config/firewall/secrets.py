"""Finding the secrets that rules name, when the server starts.

Not before: a command that only reads the configuration, such as a nightly ``perdure backup``, has
to work without them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import ConfigError, Problem
from ..model import WorkerConfig
from ..positions import path_text
from .model import FirewallRule, JwtProof, Proof, Secret, SignatureProof

# RFC 7518, section 3.2: a key as long as the hash at least.
HMAC_BYTES_MIN = {"HS256": 32, "HS384": 48, "HS512": 64}
SIGNATURE_BYTES_MIN = 16
MAKE_ONE = 'Make one: python -c "import secrets; print(secrets.token_urlsafe(48))"'


def resolve_secrets(config: WorkerConfig, environment: Mapping[str, str]) -> Mapping[Secret, bytes]:
    """Return the secrets of all rules.

    Args:
        config: Whose rules, and whose vars.
        environment: The process's environment variables.

    Raises:
        ConfigError: Some are not there, empty, or too short to keep anything; all of them are
            named, their content never.
    """
    found: dict[Secret, bytes] = {}
    problems: list[Problem] = []
    for rule, secret in _secrets(config):
        try:
            value = _read(secret, config.vars, environment)
            _check_length(value, secret, rule.proof)
        except ValueError as error:
            problems.append(_problem(config, secret, str(error)))
        else:
            found[secret] = value
    if problems:
        raise ConfigError(problems)
    return found


def refused_key(config: WorkerConfig, secret: Secret, why: str) -> ConfigError:
    """The error to raise when a key turns out to be of no use."""
    return ConfigError([_problem(config, secret, why)])


def _secrets(config: WorkerConfig) -> Iterator[tuple[FirewallRule, Secret]]:
    for rule in config.perdure.firewall:
        for secret in rule.secrets:
            yield rule, secret


def _read(secret: Secret, variables: Mapping[str, object], environment: Mapping[str, str]) -> bytes:
    """Return a secret without the blanks around it, which nobody means.

    Raises:
        ValueError: It is not there.
    """
    if secret.source == "file":
        try:
            value = Path(secret.name).read_bytes().strip()
        except OSError as error:
            raise ValueError(f"{secret} cannot be read: {error.strerror}.") from None
    else:
        values = environment if secret.source == "env" else variables
        text = values.get(secret.name)
        if text is None:
            hint = {
                "env": "Set it where perdure is started.",
                "var": "Set it in .dev.vars, with --var, or in [vars].",
            }[secret.source]
            raise ValueError(f"{secret} is not set.\n{hint}")
        if not isinstance(text, str):
            raise ValueError(f"{secret} is no text.\nPut its value in quotes.")
        value = text.encode("utf-8", "surrogateescape").strip()
    if not value:
        raise ValueError(f"{secret} is empty, so anybody would know it.\n{MAKE_ONE}")
    return value


def _check_length(value: bytes, secret: Secret, proof: Proof | None) -> None:
    least, what = 0, ""
    if isinstance(proof, JwtProof):
        least = max(HMAC_BYTES_MIN.get(name, 0) for name in proof.algorithms)
        what = " or ".join(proof.algorithms)
    elif isinstance(proof, SignatureProof):
        least, what = SIGNATURE_BYTES_MIN, "signing"
    if len(value) < least:
        size = f"{len(value)} byte{'s' if len(value) > 1 else ''}"
        raise ValueError(f"{secret} has {size}; {what} needs {least} at least.\n{MAKE_ONE}")


def _problem(config: WorkerConfig, secret: Secret, why: str) -> Problem:
    message, _, hint = why.partition("\n")
    message = message[0].upper() + message[1:]
    key = path_text(secret.path)
    return Problem(config.path, key, secret.line, secret.column, message, hint)
