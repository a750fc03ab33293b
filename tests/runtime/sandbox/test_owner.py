"""Which classes of a program make the server start sandboxes."""

from perdure.actors.base import DurableObject
from perdure.runtime.compat.sdk.sandbox_object import Sandbox as SandboxInWorkersStyle
from perdure.runtime.sandbox.owner import SandboxOwner
from perdure.runtime.sandbox.sandbox import Sandbox


class Derived(Sandbox):
    pass


def test_those_that_programs_derive_from_are_owners_in_either_style() -> None:
    for cls in (Sandbox, Derived, SandboxInWorkersStyle):
        assert issubclass(cls, SandboxOwner)
        assert issubclass(cls, DurableObject)


def test_other_actors_own_none() -> None:
    assert not issubclass(DurableObject, SandboxOwner)
