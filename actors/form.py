"""Forms as browsers send them: ``application/x-www-form-urlencoded`` and ``multipart/form-data``.

Whole bodies, not streams: what a form may weigh is bounded by the limit on request bodies.
"""

from dataclasses import dataclass
from email.message import Message as MimeFields
from email.parser import HeaderParser
from urllib.parse import parse_qsl

from multidict import MultiDict

from .http_errors import InvalidBody

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a form.

    Attributes:
        name: The name of the form's field.
        filename: What the sender calls the file. Not a path to be trusted.
        content_type: What the sender says it is.
        data: Its bytes.
    """

    name: str
    filename: str
    content_type: str
    data: bytes

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.data)


def parse_form(data: bytes, content_type: str | None, owner: str) -> MultiDict[str | File]:
    """The fields of a form, in order: str for text, ``File`` for files.

    Raises:
        InvalidBody: The content type is not that of a form, or the body is not one.
    """
    header = MimeFields()
    header["Content-Type"] = content_type or ""
    kind = header.get_content_type()
    if kind == URLENCODED:
        return MultiDict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))
    if kind != MULTIPART:
        given = f"has the content type {content_type!r}" if content_type else "has no content type"
        raise InvalidBody(
            owner, f"is not a form: it {given}, and a form {URLENCODED} or {MULTIPART}"
        )
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise InvalidBody(owner, f"is no form: its content type {content_type!r} has no boundary")
    return _parse_multipart(data, boundary, owner)


def _parse_multipart(data: bytes, boundary: str, owner: str) -> MultiDict[str | File]:
    # RFC 2046, section 5.1: a delimiter is "--boundary" at the start of a line, and its line
    # break belongs to it, not to the part before.
    _preamble, *parts = (b"\r\n" + data).split(b"\r\n--" + boundary.encode())
    fields: MultiDict[str | File] = MultiDict()
    for part in parts:
        if part.startswith(b"--"):
            return fields
        padding, line_break, rest = part.partition(b"\r\n")
        if padding.strip(b" \t") or not line_break:
            raise InvalidBody(owner, f"is a broken form: a line begins with --{boundary}...")
        head, blank_line, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if not blank_line:
            raise InvalidBody(owner, "is a broken form: a part has no empty line after its header")
        field = _parse_part(head, content, owner)
        fields.add(field.name, field if isinstance(field, File) else field.text)
    raise InvalidBody(owner, f"is a broken form: its end, --{boundary}--, is missing")


@dataclass(frozen=True, slots=True)
class _Text:
    name: str
    text: str


def _parse_part(head: bytes, content: bytes, owner: str) -> "File | _Text":
    header = HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip("\r\n"))
    name = header.get_param("name", header="Content-Disposition")
    if not isinstance(name, str):
        raise InvalidBody(owner, "is a broken form: a part has no name")
    filename = header.get_filename()
    if filename is None:
        return _Text(_unescape(name), content.decode("utf-8", "replace"))
    kind = header.get("Content-Type", "application/octet-stream")
    return File(_unescape(name), _unescape(filename), kind, content)


def _unescape(text: str) -> str:
    """Browsers write these three, and only these, as %XX inside names (HTML standard)."""
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
