"""What processes are told to be arrives as it was sent."""

from pathlib import Path

from perdure.runtime.host.migration_plan import Namespace
from perdure.runtime.process_settings import (
    RELOAD_CERTIFICATES,
    ProcessSettings,
    decode_problem,
    decode_slots,
    encode_problem,
    encode_slots,
)
from tests.serving import Serving


def test_a_whole_configuration_arrives(serve: Serving) -> None:
    toml = """
        [perdure]
        idle_timeout_s = 3.5
        [[perdure.firewall]]
        action = "deny"
        path = "/admin/*"
    """
    config = serve.write("", objects=["Room"], toml=toml, values={"A": [1, "c"]})
    settings = ProcessSettings(
        config,
        Path("data"),
        {"app": {"Room": Namespace("app-Room", "Room", "sqlite")}},
        ("0", "1"),
        show_errors=True,
    )
    arrived = ProcessSettings.decode(settings.encode())
    assert arrived == settings
    assert arrived.config.vars == {"A": [1, "c"]}
    assert type(arrived.config.vars) is type(config.vars), "as read-only as it was"


def test_other_slots_are_told_apart_from_anything_else() -> None:
    assert decode_slots(encode_slots(("0", "1", "2"))) == ("0", "1", "2")
    assert decode_slots(RELOAD_CERTIFICATES) is None
    assert decode_slots(encode_problem("slots 1")) is None


def test_a_problem_arrives_or_that_there_is_none() -> None:
    assert decode_problem(encode_problem("it\ud800 broke")) == "it\\ud800 broke"
    assert decode_problem(encode_problem(None)) == ""
    assert decode_problem(encode_slots(("0",))) is None
