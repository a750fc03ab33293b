"""An actor for stubs to call."""

from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.http import Request, Response


class Called(DurableObject):
    """Gives back what it gets, or keeps it."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.kept: Any = []
        self.order: list[Any] = []

    async def fetch(self, request: Request) -> Response:
        text = await request.text()
        return Response(f"{request.method} {request.url} {request.headers.get('X-A')} {text}")

    def echo(self, /, *args: Any, **kwargs: Any) -> Any:
        return [args, kwargs]

    def keep(self, value: Any) -> Any:
        self.kept = value
        return value

    def what_is_kept(self) -> Any:
        return self.kept

    def note(self, entry: Any) -> list[Any]:
        self.order.append(entry)
        return self.order
