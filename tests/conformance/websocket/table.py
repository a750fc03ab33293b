"""The table of docs/websocket-conformance.md: ``python -m tests.conformance.websocket.table``."""

import sys

from tests.conformance.websocket.differences import DIFFERENCES, expected
from tests.conformance.websocket.said import SERVERS, Frames, Opening
from tests.conformance.websocket.sentences import OPEN, OPENING

ALL: list[Opening | Frames] = [*OPENING, *OPEN]
HEAD = ["| section | sentence | perdure | aiohttp | workerd |", "|---|---|---|---|---|"]


def table() -> list[str]:
    """One row for each sentence on which they differ, one for families of codes."""
    rows = []
    for sentence in ALL:
        if sentence.title in DIFFERENCES:
            answers = [f"`{expected(sentence, server)}`" for server in SERVERS]
            says = sentence.says
            rows.append(f"| {sentence.section} | {says} | {' | '.join(answers)} |")
    return [*HEAD, *rows]


if __name__ == "__main__":
    sys.stdout.write("\n".join([*table(), ""]))
