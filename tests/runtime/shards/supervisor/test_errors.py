from perdure.runtime.shards.supervisor.errors import (
    ChildFailed,
    ControlBroken,
    SupervisorStopping,
)
from perdure.runtime.shards.supervisor.places import Place, Role


def test_messages_say_who_and_why() -> None:
    failed = ChildFailed(Place(Role.WORKER, "0"), "ImportError: no module named 'x'")
    assert str(failed) == "worker 0 did not come to serve: ImportError: no module named 'x'"
    assert not failed.is_usage
    assert str(ControlBroken("no message")) == "the control connection was cut: no message"
    assert str(SupervisorStopping()) == "The server is being stopped"
    assert "Ask again" in SupervisorStopping.hint
