"""Assets as a program asks for them: ``env.ASSETS.fetch(request)``."""

from ...actors.errors import NoSuchMethod
from ...actors.events import CallEvent, FetchEvent, OnReply
from ...actors.http import Request, Response
from ...actors.rpc import encode_error
from ...actors.service_stub import Service, ServiceAddress
from .directory import READ_METHODS, AssetDirectory, Destination, path_of
from .lookup import Elsewhere, decoded, encoded
from .redirects import Redirected

# So many redirects are followed, as fetch has it.
REDIRECTS_MAX = 20


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
            path, found = self._find(request)
            self._assets.answer(request, encoded(decoded(path)), found, responded)

        self._assets.when_current(ask, lambda error: responded(None, error))

    def _find(self, request: Request) -> tuple[str, Destination | None]:
        """What a request leads to, and where: maybe by way of redirects that it has followed."""
        path = path_of(request)
        # A URL of the program's own has been put into a standard form, which is another one here.
        found = self._assets.find(path, with_missing=True, is_exact=False)
        if request.redirect != "follow" or request.method not in READ_METHODS:
            return path, found
        for _ in range(REDIRECTS_MAX):
            if isinstance(found, Elsewhere):
                path = encoded(found.path)
            elif isinstance(found, Redirected) and found.to.startswith("/"):
                path = found.path
            else:
                break
            found = self._assets.find(path, with_missing=True, is_exact=False)
        return path, found
