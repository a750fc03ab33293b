"""What is told of one process."""

import os

from perdure.runtime.control.processes import (
    ProcessLine,
    RouterFacts,
    WorkerFacts,
    memory_size_bytes,
    of_this_process,
)
from perdure.runtime.host.statistics import HostStatistics, LifeCounts, NamespaceStatistics


def test_the_line_of_this_process() -> None:
    line = of_this_process("server")
    assert line.pid == os.getpid()
    assert line.memory_size_bytes is not None
    assert line.memory_size_bytes > 1_000_000


def test_a_process_that_has_gone_has_no_memory() -> None:
    assert memory_size_bytes(2**22 + 1) is None


def test_an_item_has_all_keys_whatever_is_known() -> None:
    line = ProcessLine("router", "0", 7, "serving", 1000)
    bare = line.as_item()
    full = line.as_item({"connections": 2, "nonsense": 1}, {"actors": 3})
    assert bare.keys() == full.keys()
    assert (bare["connections"], full["connections"], full["actors"]) == (None, 2, 3)
    assert set(RouterFacts.__dataclass_fields__) | set(WorkerFacts.__dataclass_fields__) < set(bare)


def test_the_facts_of_a_worker_are_summed_over_its_namespaces() -> None:
    one = NamespaceStatistics(1, 2, 3, 4, LifeCounts())
    host = HostStatistics(5, 6, 7, 8, 9, {"a": one, "b": one})
    assert WorkerFacts.of(host, 512) == WorkerFacts(512, 5, 9, 8, 6, 8)
