"""Values with names for their parts, which calls carry as what they are."""

from dataclasses import fields, is_dataclass
from typing import Any

from ..storage.values import decode, encode_lifting

# The first byte of what stands for a record within a record.
_NESTED = b"r"
_KNOWN: "dict[str, type[Record]]" = {}


class Record:
    """Base of dataclasses of ours that calls carry: what arrives is of the same class.

    Their fields are plain values, other records, and lists and dicts of these. Programs' own
    dataclasses are not carried: who calls them need not have them.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # dataclass(slots=True) makes the class a second time: the later one counts.
        _KNOWN[cls.__name__] = cls


def payload_of_record(value: Record, what: str) -> bytes:
    """A record as it travels.

    Args:
        value: It.
        what: How an error calls the value that it is in.

    Raises:
        ValueNotSerializable: Something in it cannot be sent.
    """
    assert is_dataclass(value), "all records are"
    parts = {each.name: getattr(value, each.name) for each in fields(value) if each.init}

    def lift(part: Any) -> bytes | None:
        return _NESTED + payload_of_record(part, what) if isinstance(part, Record) else None

    return encode_lifting([type(value).__name__, parts], what, lift)


def record_of(payload: bytes) -> Record:
    """The record that ``payload_of_record`` was given.

    Raises:
        ValueError: It is none, or none that this process knows.
    """

    def lower(nested: bytes) -> Record:
        if nested[:1] != _NESTED:
            raise ValueError("no record")
        return record_of(nested[1:])

    match decode(payload, lower):
        case [str(name), dict(parts)]:
            cls = _KNOWN.get(name)
        case _:
            raise ValueError("no record")
    if cls is None:
        raise ValueError(f"nobody has imported the record {name!r}")
    try:
        return cls(**parts)
    except TypeError as error:
        raise ValueError(f"parts that the record {name} has not: {error}") from None
