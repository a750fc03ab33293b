"""What can go wrong with a sandbox, as programs catch it."""

import inspect

import pytest

from perdure.actors.rpc import decode_error, encode_error
from perdure.runtime.sandbox import errors
from perdure.runtime.sandbox.agent.refusals import CODES, OTHERWISE
from perdure.runtime.sandbox.errors import CLASS_OF, SandboxError, error_of


@pytest.mark.parametrize("code", sorted(CLASS_OF))
def test_each_code_has_a_class_and_arrives_as_it_was_raised(code: str) -> None:
    error = error_of(code, "why", {"path": "/x"})
    assert type(error) is CLASS_OF[code]
    arrived = decode_error(encode_error(error))
    assert isinstance(arrived, type(error))
    assert str(arrived) == "why"
    assert (arrived.code, arrived.context) == (code, {"path": "/x"})
    assert 400 <= error.http_status < 600


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("FILE_NOT_FOUND", 404),
        ("IS_DIRECTORY", 400),
        ("NO_SPACE", 500),
        ("COMMAND_NOT_FOUND", 404),
        ("SESSION_DESTROYED", 410),
        ("GIT_AUTH_FAILED", 401),
        ("GIT_NETWORK_ERROR", 502),
        ("BACKUP_NOT_FOUND", 404),
        ("BACKUP_RESTORE_FAILED", 500),
        ("OPERATION_INTERRUPTED", 409),
        ("SOMETHING_ELSE", 500),
    ],
)
def test_a_code_has_its_own_status(code: str, status: int) -> None:
    assert error_of(code, "why").http_status == status
    assert decode_error(encode_error(error_of(code, "why"))).http_status == status  # type: ignore[attr-defined]  # it is one of ours


def test_each_status_is_of_a_code() -> None:
    assert set(errors._STATUS_OF) <= set(CLASS_OF)


def test_what_the_agent_refuses_has_a_class_of_its_own() -> None:
    for code in {*CODES.values(), OTHERWISE}:
        assert CLASS_OF[code] is not SandboxError


def test_no_class_is_without_a_code() -> None:
    named = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, SandboxError)
    }
    assert named - set(CLASS_OF.values()) <= {SandboxError}
    assert type(error_of("SOMETHING_ELSE", "x")) is SandboxError
    assert error_of("SOMETHING_ELSE", "x").context == {}
