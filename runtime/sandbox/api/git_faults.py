# Pure: text to values.
"""What git says when it cannot clone, as a code."""

import re
from typing import Final

OTHERWISE: Final = "GIT_CLONE_FAILED"
# The first one that is found is it. git speaks English: LC_ALL=C.
_SAID: Final = tuple(
    (code, re.compile("|".join(words), re.IGNORECASE))
    for code, words in (
        (
            "GIT_BRANCH_NOT_FOUND",
            (
                r"remote branch .* not found",
                r"could not find remote branch",
                r"did not match any file\(s\) known to git",
                r"couldn't find remote ref",
            ),
        ),
        (
            "GIT_AUTH_FAILED",
            (
                r"authentication failed",
                r"could not read (username|password)",
                r"permission denied",
                r"access denied",
                r"invalid (username|credentials)",
                r"host key verification failed",
                r"returned error: 40[13]",
            ),
        ),
        (
            "GIT_REPOSITORY_NOT_FOUND",
            (
                r"repository .*not found",
                r"repository .* does not exist",
                r"does not appear to be a git repository",
                r"returned error: 404",
                r"not found: did you run git update-server-info",
            ),
        ),
        (
            "GIT_NETWORK_ERROR",
            (
                r"could not resolve (host|proxy)",
                r"failed to connect",
                r"connection (refused|reset|timed out|closed)",
                r"network is unreachable",
                r"no route to host",
                r"timed? ?out",
                r"operation too slow",
                r"early eof",
                r"hung up unexpectedly",
                r"rpc failed",
                r"\b(ssl|tls|gnutls)\b",
                r"returned error: 5\d\d",
                r"unable to access",
            ),
        ),
    )
)


def code_of(said: str) -> str:
    """The code of what git wrote to stderr."""
    return next((code for code, words in _SAID if words.search(said)), OTHERWISE)
