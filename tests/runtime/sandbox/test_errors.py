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
