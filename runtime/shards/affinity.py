"""Which worker a request had better go to: the one that has answered such a one before.

The entrypoint runs in any worker. Where it passes on what an actor answers, most of its work is to
send the request there and the answer back; in the actor's own worker that is a call.

*Promise*: advice, and no more: whoever follows it, or does not, gets the same answer. What is kept
has a limit, and clients cannot make it grow.
"""

from collections import OrderedDict

# Of each of them some 200 bytes are kept.
ADDRESSES_MAX = 8192
# Longer addresses are of one request only, as a rule, and would fill the memory.
_LENGTH_MAX = 256


class Affinity:
    """Remembers, for addresses, which worker's actor has answered last."""

    def __init__(self, addresses_max: int = ADDRESSES_MAX) -> None:
        self._addresses_max = addresses_max
        self._slots: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._slots)

    def slot_for(self, url: str) -> str | None:
        """The slot whose worker had better be asked; None if any is as good."""
        slot = self._slots.get(url)
        return self._slots.get(_path_of(url)) if slot is None else slot

    def learn(self, url: str, served_by: str) -> None:
        """An actor in the worker of another slot than was asked has answered."""
        for address in {url, _path_of(url)}:
            if len(address) <= _LENGTH_MAX:
                self._slots[address] = served_by
                self._slots.move_to_end(address)
        while len(self._slots) > self._addresses_max:
            self._slots.popitem(last=False)


def _path_of(url: str) -> str:
    return url.partition("?")[0]
