"""What is said when something goes wrong between an application and who runs it."""

from perdure import UsageError
from perdure.runtime.compat.gateway.errors import (
    ClientDisconnected,
    ProtocolMisused,
    StartupFailed,
)


def test_a_client_that_has_gone_is_an_os_error() -> None:
    error = ClientDisconnected()
    assert isinstance(error, OSError)
    assert str(error) == "the client has disconnected"


def test_the_others_say_who_did_what() -> None:
    assert str(ProtocolMisused("WSGI", "does not")) == "the WSGI application does not"
    assert str(StartupFailed("no disk")) == "the ASGI application has failed to start: no disk"
    assert isinstance(StartupFailed("no disk"), UsageError)
