import pytest

from perdure.runtime.sandbox.errors import SandboxSecurityError
from perdure.runtime.sandbox.preview.port import check_port, is_port


@pytest.mark.parametrize("port", [1024, 2999, 3001, 8080, 65_535])
def test_these_can_be_reached(port: int) -> None:
    check_port(port)
    assert is_port(port)


@pytest.mark.parametrize(
    "port", [-1, 0, 80, 1023, 3000, 65_536, 10**30, "8080", 8080.0, True, None]
)
def test_these_cannot_and_the_error_is_the_originals(port: object) -> None:
    assert not is_port(port)
    with pytest.raises(SandboxSecurityError) as caught:
        check_port(port)
    assert caught.value.code == "INVALID_PORT"
    assert str(caught.value) == (
        f"Invalid port number: {port!r}. Must be 1024-65535, excluding 3000 (sandbox control plane)."
    )
