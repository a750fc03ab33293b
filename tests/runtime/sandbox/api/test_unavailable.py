"""Calls that say what to use instead."""

import pytest

from perdure.runtime.sandbox.errors import SandboxInvalid
from perdure.runtime.sandbox.sandbox import Sandbox
from tests.runtime.sandbox.boxes import Boxes


async def test_they_say_what_to_use_instead(boxes: Boxes) -> None:
    box = boxes.box()
    for call, advice in (
        (box.mount_bucket("a", "/b", {"endpoint": "x"}), "create_backup"),
        (box.unmount_bucket("/b"), "create_backup"),
        (box.tunnels.get(8080), "expose_port"),
        (box.tunnels.list(), "expose_port"),
        (box.tunnels.destroy(8080), "expose_port"),
        (Sandbox.tunnels.get(8080), "expose_port"),
    ):
        with pytest.raises(SandboxInvalid, match=advice) as caught:
            await call
        assert caught.value.code == "NOT_AVAILABLE"
