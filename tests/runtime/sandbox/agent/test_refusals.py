import errno

import pytest

from perdure.runtime.sandbox.agent.refusals import number, refusal, text
from perdure.runtime.sandbox.streams import Refused


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (errno.ENOENT, "FILE_NOT_FOUND"),
        (errno.EACCES, "PERMISSION_DENIED"),
        (errno.EEXIST, "FILE_EXISTS"),
        (errno.ENOTEMPTY, "FILE_EXISTS"),
        (errno.EISDIR, "IS_DIRECTORY"),
        (errno.ENOTDIR, "NOT_DIRECTORY"),
        (errno.ENOSPC, "NO_SPACE"),
        (errno.EMFILE, "TOO_MANY_FILES"),
        (errno.EBUSY, "RESOURCE_BUSY"),
        (errno.EROFS, "READ_ONLY"),
        (errno.ENAMETOOLONG, "NAME_TOO_LONG"),
        (errno.ELOOP, "TOO_MANY_LINKS"),
        (errno.EIO, "FILESYSTEM_ERROR"),
        (0, "FILESYSTEM_ERROR"),
    ],
)
def test_the_system_speaks_in_the_originals_codes(code: int, name: str) -> None:
    refused = refusal(OSError(code, "x"), "/a/path", operation="read")
    assert refused.code == name
    assert refused.context == {"path": "/a/path", "operation": "read"}
    assert "/a/path" in refused.message


@pytest.mark.parametrize("value", [True, "5", None, [], float("nan"), float("inf"), -1, 11])
def test_a_number_is_one_within_its_bounds(value: object) -> None:
    if value is None:
        assert number({"n": value}, "n", 7, 0, 10) == 7
        return
    with pytest.raises(Refused, match="n is a number, 0 to 10"):
        number({"n": value}, "n", 7, 0, 10)


def test_text_is_what_the_system_can_be_handed() -> None:
    assert text({"t": "x"}, "t") == "x"
    assert text({}, "t", "default") == "default"
    for value in (5, "a\0b", "", None):
        with pytest.raises(Refused):
            text({"t": value}, "t")


def test_a_bound_that_nobody_reaches_is_not_told() -> None:
    with pytest.raises(Refused, match=r"offset is a number, 0 or more$"):
        number({"offset": -1}, "offset", 0, 0, float(2**63 - 1))
