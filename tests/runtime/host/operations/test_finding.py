from dataclasses import asdict

from perdure.runtime.host.operations.finding import Finding


def test_a_finding_is_told_under_these_names_which_programs_read() -> None:
    assert asdict(Finding("clock", "ok", "2026")) == {
        "name": "clock",
        "state": "ok",
        "found": "2026",
        "advice": "",
    }
