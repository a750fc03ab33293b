"""Assets as a program asks for them: ``env.ASSETS.fetch(request)``."""

from ...actors.errors import NoSuchMethod
from ...actors.events import CallEvent, FetchEvent, OnReply
from ...actors.http import Request, Response
from ...actors.rpc import encode_error
from ...actors.service_stub import Service, ServiceAddress
from .directory import AssetDirectory, path_of
from .lookup import Elsewhere, Found, encoded


class AssetsService(Service):
    """Leads to the files of a Worker, past the Worker.

    Args:
        name: The Worker's.
        assets: The files.
    """

    __slots__ = ("_assets",)

    def __init__(self, name: str, assets: AssetDirectory) -> None:
        super().__init__(ServiceAddress(name, None))
        self._assets = assets

    def __repr__(self) -> str:
        return f"the assets of {self.address.worker}"

    def deliver(self, event: CallEvent | FetchEvent, on_reply: OnReply) -> None:
        """Answer a request; there are no methods."""
        if isinstance(event, CallEvent):
            on_reply(None, encode_error(NoSuchMethod(event.method)))
            return
        request = event.request

        def responded(response: Response | None, error: BaseException | None) -> None:
            on_reply(response, None if error is None else encode_error(error))

        def ask() -> None:
            self._assets.answer(request, self._find(request), responded)

        self._assets.when_current(ask, lambda error: responded(None, error))

    def _find(self, request: Request) -> Found | Elsewhere | None:
        """What a request leads to, also by way of another path, if redirects are followed."""
        find, path = self._assets.find, path_of(request)
        # A URL of the program's own has been put into a standard form, which is another one here.
        found = find(path, with_missing=True, is_exact=False)
        if isinstance(found, Elsewhere) and request.redirect == "follow":
            found = find(encoded(found.path), with_missing=True, is_exact=False)
        return found
