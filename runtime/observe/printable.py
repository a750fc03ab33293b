# Pure: text to text.
"""Text of unknown origin, made safe to show in a terminal and in a line-based log.

A path or a message may come from a client. Escape sequences in it would move the cursor, a
line break would forge a line of the log; so whatever does not print is shown as its escape.
"""


def printable(text: str) -> str:
    r"""Return ``text`` on one line: ``\n``, ``\x1b`` and their like stand there spelled out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def printable_lines(text: str) -> str:
    """Return ``text`` with its line breaks and tabs, and nothing else that does not print."""
    if text.isprintable():
        return text
    lines = text.expandtabs(4).replace("\r\n", "\n").split("\n")
    return "\n".join(printable(line) for line in lines)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
