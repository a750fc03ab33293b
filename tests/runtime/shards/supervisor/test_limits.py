from perdure.runtime.shards.peers import WAIT_S
from perdure.runtime.shards.supervisor.limits import SupervisionLimits


def test_silence_is_reported_long_before_it_ends_a_process() -> None:
    limits = SupervisionLimits()
    assert limits.silence_max_s is not None
    assert limits.ping_interval_s < limits.silence_report_s < limits.silence_max_s


def test_a_successor_that_is_stopped_is_replaced_while_clients_still_wait() -> None:
    limits = SupervisionLimits()
    assert limits.silence_report_s < limits.stopped_max_s
    assert 2 * limits.stopped_max_s < WAIT_S, "another one needs time to start"
