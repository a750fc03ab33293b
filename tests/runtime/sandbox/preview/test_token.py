import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.errors import SandboxSecurityError
from perdure.runtime.sandbox.preview.token import check_token, is_same, is_token, new_token


def test_a_new_one_can_stand_in_a_url_and_is_another_each_time() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 16 and is_token(token) for token in tokens)


@pytest.mark.parametrize(
    "text", ["", "a" * 17, "Token", "to-ken", "t.k", "t k", "\u212a", "t\n", None, 7, b"token"]
)
def test_what_cannot_stand_in_a_url_is_refused_and_not_told(text: object) -> None:
    assert not is_token(text)
    with pytest.raises(SandboxSecurityError, match="1 to 16 characters") as caught:
        check_token(text)
    assert caught.value.code == "INVALID_TOKEN"


@pytest.mark.parametrize("text", ["a", "_", "0", "my_token_1", "a" * 16])
def test_what_can_is_taken(text: str) -> None:
    check_token(text)


@given(st.text(), st.text())
def test_the_same_is_the_same_and_nothing_else_is(one: str, other: str) -> None:
    if all(not 0xD800 <= ord(c) <= 0xDFFF for c in one):
        assert is_same(one, one)
        assert is_same(one, other) == (one == other)


def test_what_is_no_text_is_not_the_token() -> None:
    assert not is_same("token", None)
    assert not is_same("token", b"token")
    assert not is_same("token", "\ud800")
