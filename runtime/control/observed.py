"""What the control port tells of: a running server, as far as it can be asked."""

from typing import Protocol

from ...storage.health import StoreHealth
from ..edge.firewall.firewall import Firewall
from ..edge.statistics import EdgeStatistics
from ..host.alarms import AlarmCounts
from ..host.statistics import HostStatistics


class Observed(Protocol):
    """Is ``runtime.server.Server``."""

    @property
    def firewall(self) -> Firewall: ...
    @property
    def alarm_counts(self) -> AlarmCounts: ...
    def statistics(self) -> HostStatistics: ...
    def edge_statistics(self) -> EdgeStatistics: ...
    def health(self) -> StoreHealth: ...
