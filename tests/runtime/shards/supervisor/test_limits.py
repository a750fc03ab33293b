from perdure.runtime.shards.supervisor.limits import SupervisionLimits


def test_silence_is_reported_long_before_it_ends_a_process() -> None:
    limits = SupervisionLimits()
    assert limits.silence_max_s is not None
    assert limits.ping_interval_s < limits.silence_report_s < limits.silence_max_s
