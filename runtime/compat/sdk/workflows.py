"""``workers.workflows``: the one name of it that code outside of Workflows imports."""

__all__ = ["NonRetryableError"]


class NonRetryableError(Exception):
    """Raised in a step to say that trying again would not help."""
