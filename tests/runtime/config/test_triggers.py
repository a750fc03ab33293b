"""When a Worker is run without being asked."""

from collections.abc import Callable, Sequence

from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_crons_are_read_and_inherited(load_text: Callable[..., LoadedConfig]) -> None:
    text = 'triggers.crons = ["0 * * * *"]\n[env.a]\n[env.b.triggers]\ncrons = []\n'
    assert load_text(HEAD + text, "").config.crons == ("0 * * * *",)
    assert load_text(HEAD + text, "a").config.crons == ("0 * * * *",)
    assert load_text(HEAD + text, "b").config.crons == ()


def test_wrong_triggers_are_told(errors_of: Callable[..., Sequence[str]]) -> None:
    assert errors_of(HEAD + "triggers = 1") == [
        '3:1 The field "triggers" should be an object but got 1.'
    ]
    assert errors_of(HEAD + 'triggers.crons = "* * * * *"') == [
        '3:10 Expected "triggers.crons" to be an array but got "* * * * *".'
    ]
    assert errors_of(HEAD + 'triggers.crons = ["* * * * *", "0 0 * * 0"]') == [
        '3:32 "0" is no weekday: they are 1 to 7, where Sunday is 1.'
    ]
    assert errors_of(HEAD + "triggers.crons = [5]") == [
        '3:19 Expected "triggers.crons.[0]" to be of type string but got 5.'
    ]
