import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from perdure.runtime.edge.hop_by_hop import without_named


def test_what_names_nothing_is_left_as_it_is() -> None:
    for said in ([], ["keep-alive"], ["close"], ["Upgrade"], ["keep-alive, Upgrade"]):
        fields = CIMultiDictProxy(CIMultiDict([("Connection", value) for value in said]))
        assert without_named(fields) is fields


@pytest.mark.parametrize(
    "said", [["X-Own"], ["close, x-own"], ["keep-alive", "X-OWN"], [" ,\tx-own ,, close"]]
)
def test_each_field_of_a_name_that_is_named_goes(said: list[str]) -> None:
    pairs = [("X-Own", "1"), ("X-Other", "2"), ("x-own", "3")]
    fields = CIMultiDictProxy(CIMultiDict([*pairs, *(("Connection", value) for value in said)]))
    kept = without_named(fields)
    assert "X-Own" not in kept
    assert kept["X-Other"] == "2"
    assert fields["X-Own"] == "1", "the head itself is the connection's"


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "Transfer-Encoding", "Upgrade", "Connection"]
)
def test_what_says_where_a_message_ends_cannot_be_named(name: str) -> None:
    fields = CIMultiDict([("Connection", f"{name}, {name.lower()}"), (name, "x")])
    assert name in without_named(fields)
