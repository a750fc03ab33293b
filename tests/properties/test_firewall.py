"""The firewall, whatever clients send: matchers, addresses, rates and proofs."""

import re
from ipaddress import ip_address, ip_network
from itertools import product

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from perdure.runtime.config.firewall.globs import path_regex, value_regex
from perdure.runtime.config.firewall.model import (
    Action,
    FirewallRule,
    JwtProof,
    Limit,
    Match,
    Per,
    Place,
    Rate,
    SignatureProof,
    TokenProof,
)
from perdure.runtime.config.networks import Networks, parse_address
from perdure.runtime.config.origins import LOCAL_ORIGINS, OriginPatterns, is_same_host, parse_origin
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.limiting import Buckets, Held, key_of
from perdure.runtime.edge.firewall.requiring import signature_check, token_check
from perdure.runtime.edge.firewall.rules import Now, Rule, judge
from perdure.runtime.edge.firewall.web_tokens import web_token_check
from perdure.runtime.edge.outside import Outside
from tests.properties.examples import examples

# Quick ones, but the machine may be busy with others.
RELIABLY = settings(examples(100), suppress_health_check=[HealthCheck.too_slow])
S = 1_000_000_000
ADDRESSES = st.ip_addresses().map(str)
# As the parser lets them through: no blanks, ASCII only.
PATHS = st.text("abc/.%2fF5cC\\;:@*~", max_size=30).map("/".__add__)
TARGETS = st.builds("{}{}".format, PATHS, st.text("?ab=&%2f#/", max_size=12).map(lambda text: text))
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)
FIELD_NAMES = st.sampled_from(
    ["Origin", "Cookie", "Authorization", "X-Key", "Sec-WebSocket-Protocol", "Other"]
)
NAMES = st.lists(st.text("abcdefghij-", min_size=1, max_size=8), min_size=1, max_size=4)


@st.composite
def heads(draw: st.DrawFn) -> RequestHead:
    fields = draw(st.lists(st.tuples(FIELD_NAMES, VALUES), max_size=6))
    target = draw(st.one_of(TARGETS, PATHS.map("http://h{}".format), VALUES))
    return RequestHead(
        draw(st.sampled_from(["GET", "POST", "get"])),
        target,
        CIMultiDict(fields),
        host=draw(st.one_of(VALUES, st.just("example.com"))),
        address=draw(st.one_of(st.just(""), ADDRESSES)),
        is_upgrade=draw(st.booleans()),
    )


# Matchers.


def reference(pattern: str, text: str, *, in_segment: bool) -> bool:
    """A glob without ``**``, matched in the slow and obvious way."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        skips = re.match(r"[^/]*" if in_segment else r"(?s:.*)", text)
        assert skips is not None
        ends = range(skips.end() + 1)
        return any(reference(rest, text[end:], in_segment=in_segment) for end in ends)
    if not text or (first == "?" and in_segment and text[0] == "/"):
        return False
    return first in {"?", text[0]} and reference(rest, text[1:], in_segment=in_segment)


@RELIABLY
@given(st.text("ab/*?", max_size=8), st.text("ab/", max_size=10))
def test_a_glob_means_what_the_obvious_matcher_says(pattern: str, text: str) -> None:
    assume("**" not in pattern)
    path_pattern, path = f"/{pattern}".rstrip("/"), f"/{text}".rstrip("/")
    assume(path_pattern)
    fits = path_regex(path_pattern).fullmatch(path) is not None
    assert fits == reference(path_pattern, path, in_segment=True)
    fits = value_regex(pattern, ignore_case=False).fullmatch(text) is not None
    assert fits == reference(pattern, text, in_segment=False)


@RELIABLY
@given(
    st.lists(st.sampled_from(["a", "b", "*", "?"]), max_size=2),
    st.lists(st.sampled_from(["a", "b", "*", "?"]), max_size=2),
    st.lists(st.sampled_from(["a", "b", "ab"]), max_size=6),
)
def test_two_stars_stand_for_any_segments(
    before: list[str], behind: list[str], segments: list[str]
) -> None:
    path = "/".join(["", *segments])
    plain = ["/".join(["", *before, *["*"] * n, *behind]) for n in range(len(segments) + 1)]
    expected = any(reference(pattern, path, in_segment=True) for pattern in plain)
    regex = path_regex("/".join(["", *before, "**", *behind]))
    assert (regex.fullmatch(path) is not None) == expected


@RELIABLY
@given(TARGETS)
def test_rules_see_the_path_that_the_worker_sees(target: str) -> None:
    head = RequestHead("GET", target, CIMultiDict(), host="", address="", is_upgrade=False)
    url = URL(f"http://h{target}")
    assert head.paths[0] == url.path.rstrip("/")
    last = head.paths[-1]
    assert not re.search(r"//|\\", last)
    assert not {".", ".."} & set(last.split("/"))
    assert head.query == url.query


@RELIABLY
@given(heads(), st.text("abc", min_size=1, max_size=2))
def test_no_spelling_gets_round_a_rule(head: RequestHead, name: str) -> None:
    """If any reading of the path lies below a closed one, it is refused, and never let pass."""
    closed = Match(path=(f"/{name}/**",))
    deny = [Rule(FirewallRule("deny", Action.DENY, closed))]
    allow = [
        Rule(FirewallRule("allow", Action.ALLOW, closed)),
        *map(Rule, [FirewallRule("d", Action.DENY)]),
    ]
    inside = [path == f"/{name}" or path.startswith(f"/{name}/") for path in head.paths]
    now = Now(0, 0.0)
    assert (judge(deny, head, now).refusal is not None) == any(inside)
    assert (judge(allow, head, now).refusal is None) == all(inside)


@RELIABLY
@given(heads())
def test_nothing_that_a_client_sends_breaks_a_rule(head: RequestHead) -> None:
    match = Match(
        path=("/a/**",), method=("GET",), host=("*.example.com",), address=("10.0.0.0/8",),
        origin=("https://*.example.com",), upgrade=True,
        header={"X-Key": ("a*",), "Other": True}, query={"a": ("b",), "b": False},
    )  # fmt: skip
    for strict in (Action.ALLOW, Action.DENY):
        rule = Rule(FirewallRule("all", strict, match, unless=match))
        assert not rule.is_for(head), "all that it is for is excepted"
        step = rule.step(head)
        assert step.is_excepted or (step.objection is not None and step.objection.found(head))
    for kind in ("address", "header", "cookie", "everyone"):
        assert len(key_of(Per(kind, "X-Key"), head)) <= 64


@RELIABLY
@given(heads())
def test_whatever_is_no_proof_does_not_pass(head: RequestHead) -> None:
    places = [Place(kind, "X-Key") for kind in ("bearer", "header", "cookie", "query", "protocol")]
    key = b"a secret of more than thirty-two bytes"
    checks = [
        token_check(TokenProof((), places), [key]),
        signature_check(SignatureProof(()), [key]),
        web_token_check(JwtProof(("HS256",), (), places), [key]),
    ]
    for check in checks:
        objection = check(head, 1000.0)
        assert objection is not None
        assert objection.why.isascii(), "nothing of what the client has sent"
        assert not any("\n" in value for value in objection.headers.values())


# Origins.


@RELIABLY
@given(NAMES, NAMES, st.sampled_from(["http", "https"]))
def test_only_subdomains_fit_a_star(inner: list[str], outer: list[str], scheme: str) -> None:
    base, other = ".".join(outer), ".".join(inner)
    patterns = OriginPatterns([f"{scheme}://*.{base}"])
    assert patterns.matches(f"{scheme}://{other}.{base}")
    assert not patterns.matches(f"{scheme}://{base}")
    assert not patterns.matches(f"{scheme}://{other}.{base}.{other}x")
    assert not patterns.matches(f"{scheme}://{other}{base}") or f"{other}{base}".endswith(
        f".{base}"
    )


@RELIABLY
@given(VALUES)
def test_what_is_no_origin_fits_nothing(text: str) -> None:
    if parse_origin(text) is None:
        patterns = [*LOCAL_ORIGINS, "https://*", "http://*:*", "https://*.example.com"]
        assert not OriginPatterns(patterns).matches(text)


@RELIABLY
@given(NAMES, st.integers(1, 65_535), st.sampled_from([("http", 80), ("https", 443)]))
def test_a_page_of_the_server_is_of_the_same_host(
    names: list[str], port: int, kind: tuple[str, int]
) -> None:
    scheme, usual = kind
    host = ".".join(names)
    for shown in {f"{host}:{port}", host if port == usual else f"{host}:{port}"}:
        origin = parse_origin(f"{scheme}://{shown}".upper())
        assert origin is not None
        assert is_same_host(origin, f"{host}:{port}")
        assert not is_same_host(origin, f"{host}:{port % 65_535 + 1}")
        assert not is_same_host(origin, f"evil-{host}:{port}")


# Addresses.


@RELIABLY
@given(ADDRESSES, st.integers(0, 128), ADDRESSES)
def test_an_address_is_in_a_block_as_the_standard_library_says(
    block: str, length: int, address: str
) -> None:
    version = ip_address(block).version
    network = ip_network(f"{block}/{min(length, 32) if version == 4 else length}", strict=False)
    parsed = parse_address(address)
    assert parsed is not None
    mapped = version == 6 and getattr(network.network_address, "ipv4_mapped", None) is not None
    assume(not mapped)
    expected = parsed.version == version and parsed in network
    assert (address in Networks([str(network)])) == expected


ITEMS = st.one_of(
    ADDRESSES, st.sampled_from(["10.0.0.2", "10.0.0.3", "unknown", "", "_x", "1.2.3"])
)


@RELIABLY
@given(st.lists(ITEMS, max_size=6), st.lists(ITEMS, max_size=4))
def test_nobody_chooses_their_own_address(made_up: list[str], told: list[str]) -> None:
    """What stands left of the last address that is no proxy's makes no difference."""
    outside = Outside(["10.0.0.0/8"])

    def address(*fields: list[str]) -> str:
        headers = CIMultiDict(("X-Forwarded-For", ", ".join(field)) for field in fields)
        seen = outside.look("10.0.0.1", headers)
        assert seen is not None
        return seen.address

    honest = address(told)
    if honest not in outside.trusted:
        assert address(made_up, told) == honest
    assert parse_address(honest) is not None


# Rates.

REQUESTS = st.lists(st.tuples(st.integers(0, 3 * S), st.sampled_from("ab")), max_size=60)
RATES = st.builds(Rate, st.integers(1, 50), st.sampled_from([1, 60]), st.integers(1, 10))


@RELIABLY
@given(RATES, REQUESTS)
def test_never_more_passes_than_the_rate_and_the_burst(
    rate: Rate, requests: list[tuple[int, str]]
) -> None:
    buckets, now = Buckets(rate), 0
    passed: dict[str, list[int]] = {"a": [], "b": []}
    for pause, key in requests:
        now += pause
        wait_ns = buckets.take(key, now)
        if not wait_ns:
            passed[key].append(now)
        else:
            assert buckets.take(key, now + wait_ns - 1) == 1, "it is told exactly when"
    for times in passed.values():
        for (i, start), (j, end) in product(enumerate(times), repeat=2):
            if i <= j:
                allowed = rate.burst + (end - start) * rate.count / (rate.period_s * S)
                assert j - i + 1 <= allowed + 1e-6


@RELIABLY
@given(RATES, st.lists(st.integers(0, S), min_size=1, max_size=60))
def test_who_keeps_to_the_rate_always_passes(rate: Rate, jitter: list[int]) -> None:
    buckets, now = Buckets(rate), 0
    interval = -(-rate.period_s * S // rate.count)
    for more in jitter:
        now += interval + more
        assert buckets.take("a", now) == 0


@RELIABLY
@given(RATES, REQUESTS, st.integers(1, 5))
def test_memory_is_bounded(rate: Rate, requests: list[tuple[int, str]], most: int) -> None:
    buckets, now = Buckets(rate, keys_max=most), 0
    for number, (pause, _) in enumerate(requests):
        now += pause
        buckets.take(str(number % 13), now)
        assert len(buckets) <= most


@RELIABLY
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab")), max_size=60), st.integers(1, 3))
def test_places_are_never_more_than_there_are(steps: list[tuple[bool, str]], most: int) -> None:
    held = Held(most)
    model = {"a": 0, "b": 0}
    for takes, key in steps:
        assert held.has_room(key) == (model[key] < most)
        if takes and model[key] < most:
            held.take(key)
            model[key] += 1
        elif not takes and model[key]:
            held.release(key)
            model[key] -= 1
        assert len(held) == sum(model.values())
    assert set(held._open) == {key for key, count in model.items() if count}


@RELIABLY
@given(st.lists(heads(), max_size=12), st.integers(1, 3))
def test_a_judgement_holds_places_only_for_who_passes(asked: list[RequestHead], most: int) -> None:
    limit = Rule(FirewallRule("places", Action.LIMIT, status=429, limit=Limit(None, most)))
    deny = Rule(FirewallRule("deny", Action.DENY, Match(method=("POST",))))
    open_ones = []
    for head in asked:
        judgement = judge([limit, deny], head, Now(0, 0.0))
        assert (judgement.refusal is None) == bool(judgement.leases and not judgement.refusal)
        if judgement.refusal is None:
            open_ones.append(judgement)
    for judgement in open_ones:
        judgement.release()
    again = [judge([limit], head, Now(0, 0.0)).refusal for head in asked[:1]]
    assert again in ([], [None])
