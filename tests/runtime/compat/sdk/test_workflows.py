"""``workers.workflows``."""

import pytest

from perdure.runtime.compat.sdk.workflows import NonRetryableError


def test_it_is_an_exception_with_a_text() -> None:
    with pytest.raises(NonRetryableError, match="never"):
        raise NonRetryableError("never")
