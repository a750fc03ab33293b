"""What user code keeps with a connection."""

import pytest

from perdure.actors.attachment import SIZE_BYTES_MAX, encode_attachment
from perdure.actors.errors import SocketLimitExceeded
from perdure.storage.values import decode


def test_an_attachment_comes_back_as_it_was() -> None:
    value = {"name": "Ada", "joined": [1, 2, 3], "raw": b"\0"}
    assert decode(encode_attachment(value, SIZE_BYTES_MAX)) == value


def test_one_that_is_too_large_is_refused_with_both_sizes() -> None:
    size = len(encode_attachment("x" * 100, SIZE_BYTES_MAX))
    assert len(encode_attachment("x" * 100, size)) == size
    with pytest.raises(SocketLimitExceeded) as refused:
        encode_attachment("x" * 100, size - 1)
    assert str(refused.value) == (
        f"A WebSocket 'attachment' cannot be larger than {size - 1} bytes."
        f"'attachment' was {size} bytes."
    )
