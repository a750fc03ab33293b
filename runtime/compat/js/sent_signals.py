"""Abort signals on their way to and from other objects: native ones there, JavaScript's here."""

import asyncio
import logging
from typing import Any

from ....actors.abort_signal import AbortSignal as NativeSignal
from .abort import AbortSignal
from .values import NATIVE_VIEWS, from_native, to_native

log = logging.getLogger("perdure.compat")


def native_signal(signal: AbortSignal) -> NativeSignal:
    """What is sent for ``signal``."""
    if signal.aborted:
        return NativeSignal.aborted(_sent(signal.reason))

    async def wait() -> Any:
        is_time = asyncio.Event()
        signal.when_aborted(is_time.set)
        if not signal.aborted:
            await is_time.wait()
        return _sent(signal.reason)

    return NativeSignal(wait)


def signal_from(native: NativeSignal) -> AbortSignal:
    """A signal that somebody has sent; it hears of its end as long as the handler runs."""
    signal = AbortSignal()
    if native.is_aborted:
        signal.give_up(_received(native.reason))
    else:
        following = asyncio.ensure_future(_follow(native, signal))
        vars(signal)["_following"] = following  # so that somebody has it
    return signal


async def _follow(native: NativeSignal, signal: AbortSignal) -> None:
    try:
        reason = await native.wait()
    except Exception as error:
        # Who could have called it off is gone; the call that brought it fails, and says so.
        log.debug("signal.lost", extra={"cause": str(error)})
        return
    signal.give_up(_received(reason))


def _sent(reason: Any) -> Any:
    return reason if isinstance(reason, BaseException) else to_native(reason)


def _received(reason: Any) -> Any:
    return reason if isinstance(reason, BaseException) else from_native(reason)


NATIVE_VIEWS[NativeSignal] = signal_from
