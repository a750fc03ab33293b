"""Python objects as JavaScript holds them."""

import types

import pytest

from perdure.runtime.compat.js.proxies import JsException, JsProxy
from perdure.runtime.compat.js.pyproxies import PyProxy, unwrapped


def test_a_proxy_is_called_as_its_function_until_it_is_destroyed() -> None:
    proxy = PyProxy(lambda x, y=0: x + y)
    assert (proxy(1), proxy(1, y=2)) == (1, 3)
    assert proxy.is_callable
    assert isinstance(proxy, JsProxy)
    assert proxy.constructor.name == "Function"
    copy = proxy.copy()
    proxy.destroy()
    with pytest.raises(JsException, match="Object has already been destroyed"):
        proxy(1)
    assert copy(5) == 5


def test_a_proxy_has_the_attributes_of_its_object_and_is_equal_to_it() -> None:
    held = types.SimpleNamespace(room="a")
    proxy = PyProxy(held)
    assert proxy.room == "a"
    assert not hasattr(proxy, "missing")
    assert not hasattr(proxy, "_private")
    assert proxy.unwrap() is proxy.to_py() is unwrapped(proxy) is held
    assert unwrapped(held) is held
    assert proxy == held
    assert proxy == PyProxy(held)
    assert PyProxy(len) != PyProxy(max)
    assert hash(PyProxy(len)) == hash(len)
    assert repr(PyProxy(5)) == "<proxy of 5>"


def test_a_buffer_is_lent() -> None:
    buffer = PyProxy(b"ab").getBuffer()
    assert buffer.data.to_bytes() == b"ab"
    assert buffer.data.slice() == b"ab"
    buffer.release()


def test_what_is_for_once_is_gone_after_it() -> None:
    proxy = PyProxy(lambda: 1, is_once=True)
    assert proxy() == 1
    with pytest.raises(JsException):
        proxy()
