"""Options of applications."""

import pytest

from perdure import UsageError
from perdure.gateway import asgi, wsgi


def test_options_are_checked() -> None:
    assert asgi.Options(encode_body="manual").encode_body == "manual"
    with pytest.raises(UsageError, match="'none'"):
        asgi.Options(encode_body="none")  # type: ignore[arg-type]  # what is tried
    assert wsgi.Options is asgi.Options
