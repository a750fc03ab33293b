"""What a fetch handler in Workers style has returned, as a native response."""

from typing import Any

from ...actors.handlers import check_response
from ...actors.http import Response as NativeResponse
from .js.http import Response as JsResponse
from .sdk.messages import Response


def native_response(result: Any) -> NativeResponse:
    """The response that ``result`` is, or stands for.

    Raises:
        TypeError: It is none.
    """
    if type(result) is Response:  # nearly always
        return result.native
    if isinstance(result, Response | JsResponse):
        return result.native
    return check_response(result)
