import secrets
from typing import Any

import pytest

from perdure.runtime.sandbox.agent import changes
from perdure.runtime.sandbox.agent.changes import Changes
from perdure.runtime.sandbox.agent.places import Places
from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.reactor import Reactor
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow


async def test_who_was_away_learns_whether_something_changed(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    first = await sandbox.ask("changes", recursive=True)
    assert first["status"] == "unchanged"
    again = await sandbox.ask("changes", recursive=True, since=first["version"])
    assert again == first
    await text_of(sandbox, "mkdir -p a/b; touch a/b/c")
    changed = await sandbox.ask("changes", recursive=True, since=first["version"])
    assert changed["status"] == "changed"
    since = changed["version"]
    assert (await sandbox.ask("changes", recursive=True, since=since))["status"] == "unchanged"


async def test_another_connection_may_ask_too(sandboxes: Sandboxes) -> None:
    name = secrets.token_hex(32)
    sandbox = await sandboxes.open(name)
    version = (await sandbox.ask("changes"))["version"]
    sandbox.close()
    sandbox = await sandboxes.open(name)
    await text_of(sandbox, "touch x")
    assert (await sandbox.ask("changes", since=version))["status"] == "changed"


async def test_what_is_not_meant_does_not_count(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    fields: dict[str, Any] = {"recursive": True, "exclude": ["*.log"]}
    version = (await sandbox.ask("changes", **fields))["version"]
    await text_of(sandbox, "touch x.log; chmod 700 .")
    assert (await sandbox.ask("changes", **fields, since=version))["status"] == "unchanged"
    await text_of(sandbox, "touch x")
    assert (await sandbox.ask("changes", **fields, since=version))["status"] == "changed"


async def test_a_version_of_another_start_wants_all_to_be_read_anew(sandboxes: Sandboxes) -> None:
    name = secrets.token_hex(32)
    sandbox = await sandboxes.open(name)
    version = (await sandbox.ask("changes"))["version"]
    await sandbox.ask("stop")
    await sandbox.is_lost()
    sandbox = await sandboxes.open(name)
    answer = await sandbox.ask("changes", since=version)
    assert (answer["status"], answer["reason"]) == ("resync", "restarted")
    since = answer["version"]
    assert (await sandbox.ask("changes", since=since))["status"] == "unchanged"


async def test_a_version_of_what_was_gone_meanwhile_has_expired(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("mkdir", path="folder")
    version = (await sandbox.ask("changes", path="folder"))["version"]
    await text_of(sandbox, "rmdir folder")
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("changes", path="folder", since=version)
    assert caught.value.code == "FILE_NOT_FOUND"
    await sandbox.ask("mkdir", path="folder")
    answer = await sandbox.ask("changes", path="folder", since=version)
    assert (answer["status"], answer["reason"]) == ("resync", "expired")


@pytest.mark.parametrize("since", ["", "x", "x-1", "x-1:-1", "x-1:", "a-b:1", "x-1:" + "9" * 30, 5])
async def test_what_never_was_a_version_is_refused(sandboxes: Sandboxes, since: Any) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("changes", since=since)
    assert caught.value.code == "VALIDATION_FAILED"


async def test_a_version_from_the_future_is_refused(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    version = (await sandbox.ask("changes"))["version"]
    with pytest.raises(SandboxRefused, match="newer"):
        await sandbox.ask("changes", since=version + "5")


async def test_no_more_are_counted_than_there_is_room_for(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await text_of(sandbox, f"mkdir $(seq 0 {changes.COUNTERS_MAX})")
    for number in range(changes.COUNTERS_MAX):
        await sandbox.ask("changes", path=str(number))
    with pytest.raises(SandboxRefused) as caught:
        await sandbox.ask("changes", path=str(changes.COUNTERS_MAX))
    assert caught.value.code == "WATCH_START_ERROR"
    assert (await sandbox.ask("changes", path="0"))["status"] == "unchanged"


class _Asked:
    """What ``Changes`` needs of an exchange."""

    def __init__(self, **request: Any) -> None:
        self.request = request
        self.answers: list[dict[str, Any]] = []

    def answer(self, answer: dict[str, Any]) -> None:
        self.answers.append(answer)


def test_what_nobody_asks_for_is_kept_no_longer(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT_S", 0.0)
    reactor = Reactor()
    counting = Changes(reactor, Places(str(tmp_path)))
    first, second = _Asked(), _Asked()
    counting.ask(first)  # type: ignore[arg-type]  # all that it uses is there
    reactor.call_later(0.001, reactor.stop)
    reactor.run()
    second.request["since"] = first.answers[0]["version"]
    counting.ask(second)  # type: ignore[arg-type]  # as above
    assert second.answers[0]["reason"] == "expired"
    reactor.is_stopped = False
    reactor.call_later(0.001, reactor.stop)
    reactor.run()
    reactor.close()
