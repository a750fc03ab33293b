"""How many processors there are for this process."""

import os
from pathlib import Path

import pytest

from perdure.runtime.config.cores import WORKERS_DEFAULT_MAX, one_worker_per_core, usable_cores

ALL = len(os.sched_getaffinity(0))


def cores(folder: Path, **limits: str) -> int:
    """In the cgroup ``pod/app``, where the files of ``limits`` are: root, pod, app."""
    places = {"root": folder, "pod": folder / "pod", "app": folder / "pod" / "app"}
    places["app"].mkdir(parents=True)
    for name, text in limits.items():
        (places[name] / "cpu.max").write_text(text)
    own = folder / "cgroup"
    own.write_text("1:cpu:/elsewhere\n0::/pod/app\n")
    return usable_cores(own, folder)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, ALL),
        ({"app": "max 100000\n"}, ALL),
        ({"app": "100000 100000\n"}, 1),
        ({"app": "1000 100000\n"}, 1),
        ({"app": "max 100000\n", "pod": "50000 100000\n"}, 1),
        ({"root": "100000 100000\n"}, 1),
        ({"app": "6400000 100000\n"}, ALL),
        ({"app": "nonsense"}, ALL),
    ],
)
def test_a_container_s_share_counts(tmp_path: Path, limits: dict[str, str], expected: int) -> None:
    assert cores(tmp_path, **limits) == expected


def test_a_kernel_that_says_nothing_limits_nothing(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "none", tmp_path) == ALL


def test_processors_that_may_not_be_used_do_not_count() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert (usable_cores(), one_worker_per_core()) == (1, 1)
    finally:
        os.sched_setaffinity(0, before)


def test_a_large_machine_does_not_get_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(256)))
    assert one_worker_per_core() == WORKERS_DEFAULT_MAX
