"""What the platform has and perdure does not."""

import types
from typing import Any

import pytest

from perdure.runtime.compat.js.absent import ABSENT, absent_module
from perdure.runtime.compat.js.errors import NotAvailable


def test_a_name_can_be_imported_and_says_what_to_use_when_it_is_used(js: types.ModuleType) -> None:
    caches = js.caches
    with pytest.raises(NotAvailable) as caught:
        caches.default
    assert caught.value.message == (
        "caches is not available on perdure: keep what is to be cached in a Durable Object's storage"
    )
    for make in ("__call__", "new"):
        with pytest.raises(
            js.Error, match="HTMLRewriter is not available on perdure: use a Python"
        ):
            getattr(js.HTMLRewriter, make)()


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_each_says_its_name_and_an_alternative(js: types.ModuleType, name: str) -> None:
    thing = getattr(js, name)
    assert repr(thing) == f"<{name}: not available on perdure>"
    with pytest.raises(
        NotAvailable, match=f"^NotSupportedError: {name} is not available on perdure"
    ):
        thing.anything
    assert not hasattr(thing, "__len__")


def test_names_of_a_module_can_be_taken_and_not_be_used() -> None:
    module: Any = absent_module("cloudflare:email")
    assert repr(module) == "<cloudflare:email: not available on perdure>"
    taken = module.EmailMessage
    with pytest.raises(NotAvailable, match=r"cloudflare:email\.EmailMessage is not available"):
        taken.new("a", "b", "text")
    assert not hasattr(module, "__path__")


def test_of_other_modules_nothing_is_known() -> None:
    assert absent_module("node:crypto") is None
