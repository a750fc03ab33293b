"""Fields of a head that concern one connection only, as its ``Connection`` says.

They are taken out where a head comes in, not where it is passed on: by then a program may have
added fields of its own, and a client that names those must not have them taken out.
"""

from typing import Final

from multidict import CIMultiDict

from ...actors.headers import Fields

# What nearly everybody says, and names nothing that there is to take out.
_USUAL: Final = frozenset({"keep-alive", "close", "upgrade", "keep-alive, upgrade"})
# Not to be named (RFC 9110, section 7.6.1), and needed to tell what a message is and where it ends.
_STAY: Final = frozenset(
    {"", "connection", "upgrade", "host", "content-length", "transfer-encoding"}
)


def without_named(fields: Fields) -> Fields:
    """Return the fields without those that ``Connection`` names; themselves, if it names none."""
    values = fields.getall("Connection", ())
    if not values or (len(values) == 1 and values[0].lower() in _USUAL):
        return fields
    kept = CIMultiDict(fields)
    for token in ",".join(values).split(","):
        name = token.strip()
        if name.lower() not in _STAY:
            kept.popall(name, None)
    return kept
