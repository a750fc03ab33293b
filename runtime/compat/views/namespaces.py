"""Namespaces, ids and stubs as programs in Workers style see them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ....actors.ids import NAME_SIZE_BYTES_MAX, DurableObjectId, InvalidActorId
from ....actors.namespace import DurableObjectNamespace
from ....actors.stub import DurableObjectStub
from ..js.proxies import JsProxy
from ..js.values import to_native
from ..sdk.transfer import VIEWS, ServiceView
from .names import spelled

JURISDICTIONS = frozenset({"eu", "fedramp", "fedramp-high", "us"})


class DurableObjectIdView(JsProxy, js_name="DurableObjectId"):
    """Names one object.

    Attributes:
        name: The name it was made from, or None.
        jurisdiction: That of the namespace it was made by, or None.
    """

    def __init__(self, native: DurableObjectId, jurisdiction: str | None = None) -> None:
        self.native = native
        self.name = native.name
        self.jurisdiction = jurisdiction

    def __str__(self) -> str:
        return str(self.native)

    def __repr__(self) -> str:
        return repr(self.native)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DurableObjectIdView) and self.native == other.native

    def __hash__(self) -> int:
        return hash(self.native)

    def equals(self, other: object) -> bool:
        """Whether both name the same object."""
        return self == other


class NamespaceView(JsProxy, js_name="DurableObjectNamespace"):
    """All objects of one class.

    In the namespace of a jurisdiction the same names make other ids, as on the platform. Where
    data lies is the operator's to decide: this does not move it.
    """

    make_stub: ClassVar[type[Any]]
    """What a stub is seen as."""

    def __init__(self, native: DurableObjectNamespace, jurisdiction: str | None = None) -> None:
        self.native = native
        self._jurisdiction = jurisdiction

    @spelled
    def idFromName(self, name: Any) -> DurableObjectIdView:
        """The id that belongs to ``name``: always the same one."""
        if self._jurisdiction is None:
            return DurableObjectIdView(self.native.id_from_name(str(name)))
        return self._id_within(str(name), self._jurisdiction)

    def _id_within(self, name: str, jurisdiction: str) -> DurableObjectIdView:
        made = self.native.id_from_name(f"\0{jurisdiction}\0{name}")
        kept = name if len(name.encode()) <= NAME_SIZE_BYTES_MAX else None
        return DurableObjectIdView(DurableObjectId(made.unique_key, made.raw, kept), jurisdiction)

    @spelled
    def idFromString(self, text: Any) -> DurableObjectIdView:
        """The id that ``str(id)`` gave."""
        return DurableObjectIdView(self.native.id_from_string(str(text)), self._jurisdiction)

    def newUniqueId(
        self, options: Mapping[str, Any] | None = None, *, jurisdiction: str | None = None
    ) -> DurableObjectIdView:
        """An id that nobody has."""
        given = {} if options is None else to_native(options)
        said = jurisdiction or given.get("jurisdiction") or self._jurisdiction
        if said is not None:
            _check_jurisdiction(said)
        return DurableObjectIdView(self.native.new_unique_id(), said)

    @spelled
    def get(self, id: Any, options: Any = None, **more: Any) -> Any:
        """A stub for the object; nothing is sent. Hints of where it should be are of no effect."""
        del options, more
        if not isinstance(id, DurableObjectIdView):
            raise InvalidActorId(
                "Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type "
                "'DurableObjectId'."
            )
        return self.make_stub(self.native.get(id.native), id)

    @spelled
    def getByName(self, name: Any, options: Any = None, **more: Any) -> Any:
        """A stub for the object of that name; nothing is sent."""
        del options, more
        if self._jurisdiction is None:  # its id is seldom asked for
            return self.make_stub(self.native.get_by_name(str(name)))
        actor_id = self._id_within(str(name), self._jurisdiction)
        return self.make_stub(self.native.get(actor_id.native), actor_id)

    def jurisdiction(self, jurisdiction: str) -> "NamespaceView":
        """The namespace of the same class within ``jurisdiction``."""
        _check_jurisdiction(jurisdiction)
        return type(self)(self.native, jurisdiction)


def _check_jurisdiction(name: Any) -> None:
    if name not in JURISDICTIONS:
        known = ", ".join(sorted(JURISDICTIONS))
        raise TypeError(f"Unsupported jurisdiction {name!r}; there are {known}")


class StubView(ServiceView):
    """Calls one object."""

    __slots__ = ("_actor_id",)

    def __init__(
        self, native: DurableObjectStub, actor_id: DurableObjectIdView | None = None
    ) -> None:
        super().__init__(native)
        self._actor_id = actor_id

    @property
    def id(self) -> DurableObjectIdView:
        """Which object it is."""
        if self._actor_id is None:
            self._actor_id = DurableObjectIdView(self.native.id)
        return self._actor_id

    @property
    def name(self) -> str | None:
        """The name that its id was made from, or None."""
        return self.id.name


NamespaceView.make_stub = StubView
VIEWS[DurableObjectStub] = StubView
