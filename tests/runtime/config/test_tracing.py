"""``[perdure.tracing]``, and what the environment says."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.model import LoadedConfig, TracingConfig
from perdure.runtime.config.tracing import tracing_of

HEAD = 'name = "chat"\nmain = "main.py"\n'
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def test_the_table_alone_asks_for_traces(load_text: Callable[..., LoadedConfig]) -> None:
    assert load_text(HEAD).config.perdure.tracing is None
    assert load_text(HEAD + "[perdure.tracing]").config.perdure.tracing == TracingConfig()
    text = HEAD + '[perdure.tracing]\nendpoint = "https://a:4318"\nsampling_ratio = 0'
    assert load_text(text).config.perdure.tracing == TracingConfig("https://a:4318", 0)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("perdure.tracing = 1", '3:9 The field "perdure.tracing" should be an object but got 1.'),
        (
            "perdure.tracing.sampling_ratio = 1.5",
            '3:17 Expected "perdure.tracing.sampling_ratio" to be 0 to 1 but got 1.5.',
        ),
        (
            "perdure.tracing.sampling_ratio = nan",
            '3:17 Expected "perdure.tracing.sampling_ratio" to be 0 to 1 but got nan.',
        ),
        (
            'perdure.tracing.endpoint = "localhost:4318"',
            '3:17 Expected "perdure.tracing.endpoint" to be a URL but got "localhost:4318".',
        ),
        (
            'perdure.tracing.endpont = "http://a"',
            '3:17 There is no setting "perdure.tracing.endpont".',
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place(
    errors_of: Callable[[str], Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]


@pytest.mark.parametrize(
    ("config", "environment", "found"),
    [
        (None, {}, None),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        (None, COLLECTOR, TracingConfig(None, 1.0)),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a"}, TracingConfig(None, 1.0)),
        (None, {**COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, None),
        (TracingConfig("http://b", 0.5), COLLECTOR, TracingConfig("http://b", 0.5)),
        (TracingConfig(), {}, TracingConfig(None, 1.0)),
        (TracingConfig(), {"OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_the_configuration_wins_over_the_environment(
    config: TracingConfig | None, environment: dict[str, str], found: TracingConfig | None
) -> None:
    assert tracing_of(config, environment) == found


@pytest.mark.parametrize(
    ("sampler", "argument", "ratio"),
    [
        ("parentbased_traceidratio", "0.25", 0.25),
        ("traceidratio", "x", 1.0),
        ("traceidratio", "7", 1.0),
        ("always_off", "", 0.0),
        ("parentbased_always_on", "0.5", 1.0),
    ],
)
def test_the_environments_sampler_is_asked(sampler: str, argument: str, ratio: float) -> None:
    environment = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    found = tracing_of(TracingConfig("http://a"), environment)
    assert found == TracingConfig("http://a", ratio)
