"""What leads to things that have a name in every process, so that only the name travels."""

from collections.abc import Mapping

from ....actors.capability import Capability
from ....actors.channel import ActorChannel
from ....actors.events import CallEvent, Delivered, FetchEvent, OnReply
from ....actors.ids import DurableObjectId
from ....actors.limits import ActorLimits
from ....actors.rpc import encode_error
from ....actors.service_stub import Service, ServiceAddress
from ....actors.stub import ActorCapability
from ...host.services import Services
from .errors import ClassGone


class Names:
    """Finds what stubs that have come from one process lead to.

    Args:
        channels: What leads to all actors of a namespace, by its key.
        services: The Workers of this process.
        limits: What stubs of actors keep to.
        slot: Who has sent the stubs.
    """

    def __init__(
        self,
        channels: Mapping[str, ActorChannel],
        services: Services,
        limits: ActorLimits,
        slot: str,
    ) -> None:
        self._channels = channels
        self._services = services
        self._limits = limits
        self._slot = slot

    def actor(self, actor_id: DurableObjectId) -> Capability:
        """What leads to an actor, wherever that is."""
        channel = self._channels.get(actor_id.unique_key) or _NoSuchClass(self._slot)
        return ActorCapability(actor_id, channel, self._limits)

    def service(self, address: ServiceAddress) -> Capability:
        """What leads to a Worker: that of this process, as each has all programs of a start."""
        return self._services.find(address) or _NoSuchService(address, self._slot)


class _NoSuchClass(ActorChannel):
    """Leads to actors of a class that this process does not have."""

    def __init__(self, slot: str) -> None:
        self._slot = slot

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        del actor_id, event
        on_reply(None, encode_error(ClassGone(self._slot)))


class _NoSuchService(Service):
    """Leads to an entrypoint that the programs of this process do not have."""

    __slots__ = ("_slot",)

    def __init__(self, address: ServiceAddress, slot: str) -> None:
        super().__init__(address)
        self._slot = slot

    def __repr__(self) -> str:
        return f"{self.address.worker}.{self.address.entrypoint}, which is not here"

    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        del event
        on_reply(None, encode_error(ClassGone(self._slot)))
