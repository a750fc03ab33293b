# Pure: which requests a rule is for.
"""Matchers, made once of what a rule says, and asked of every request.

A request may say a thing twice: two fields of one name, a parameter given again, a path that can
be read in two ways. A rule that lets pass wants all of it to fit, any other rule some of it: what
is not clear is never to anybody's advantage.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...config.firewall.globs import path_regex, value_regex
from ...config.firewall.model import Fields, Match
from ...config.networks import Networks
from ...config.origins import HostPatterns, OriginPatterns
from .head import RequestHead

Test = Callable[[RequestHead], bool]
Quantifier = Callable[[Iterable[bool]], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of a rule.

    Attributes:
        key: As it is called, with the name of the field: ``path``, ``header.X-Api-Key``.
        meant: What it says, as people read it.
        fits: Whether a request is so.
        found: What a request has there, as people read it.
    """

    key: str
    meant: str
    fits: Test
    found: Callable[[RequestHead], str]


class Matcher:
    """Whether a request is one of those that a ``Match`` means.

    Args:
        match: What they are.
        is_strict: Everything that a request says about a thing has to fit, not only some of it.

    Attributes:
        conditions: All that it has to fit.
        fits: Whether a request is one of those meant.
    """

    __slots__ = ("conditions", "fits")

    def __init__(self, match: Match, *, is_strict: bool) -> None:
        self.conditions: Sequence[Condition] = tuple(_conditions(match, all if is_strict else any))
        self.fits = _all_of([condition.fits for condition in self.conditions])

    def objection(self, head: RequestHead) -> Condition | None:
        """The first condition that the request does not fit; None if it is one of those meant."""
        return next((c for c in self.conditions if not c.fits(head)), None)


def _all_of(tests: Sequence[Test]) -> Test:
    """One test for all of them; most rules have one or two, and each call counts."""
    if not tests:
        return lambda _: True
    first, *others = tests
    if not others:
        return first
    rest = _all_of(others)
    return lambda head: first(head) and rest(head)


def _conditions(match: Match, quantifier: Quantifier) -> Iterable[Condition]:
    """The conditions of a rule, those that are quickly asked first."""
    if match.upgrade is not None:
        yield _upgrade(wanted=match.upgrade)
    if match.method:
        yield _method(match.method)
    if match.path:
        yield _path(match.path, quantifier)
    if match.host:
        yield _host(match.host)
    if match.address:
        yield _address(match.address)
    if match.origin:
        yield _origin(match.origin)
    yield from _headers(match.header, quantifier)
    yield from _query(match.query, quantifier)


def _upgrade(*, wanted: bool) -> Condition:
    def found(head: RequestHead) -> str:
        return "yes" if head.is_upgrade else "no"

    meant = "yes" if wanted else "no"
    return Condition("upgrade", meant, lambda head: head.is_upgrade is wanted, found)


def _method(methods: Sequence[str]) -> Condition:
    meant = frozenset(methods)

    def fits(head: RequestHead) -> bool:
        return head.method in meant

    return Condition("method", _listed(methods), fits, lambda head: head.method)


def _path(patterns: Sequence[str], quantifier: Quantifier) -> Condition:
    fullmatch = _any_of([path_regex(pattern) for pattern in patterns])

    def fits(head: RequestHead) -> bool:
        paths = head.paths
        if len(paths) == 1:
            return fullmatch(paths[0]) is not None
        return quantifier(fullmatch(path) is not None for path in paths)

    def found(head: RequestHead) -> str:
        return " or ".join(path or "/" for path in head.paths)

    return Condition("path", _listed(patterns), fits, found)


def _host(patterns: Sequence[str]) -> Condition:
    meant = HostPatterns(patterns)

    def fits(head: RequestHead) -> bool:
        return meant.matches(head.host)

    return Condition("host", _listed(patterns), fits, lambda head: head.host or "none")


def _address(blocks: Sequence[str]) -> Condition:
    meant = Networks(blocks)

    def fits(head: RequestHead) -> bool:
        return meant.find(head.address) is not None

    return Condition("address", _listed(blocks), fits, lambda head: head.address or "unknown")


def _origin(patterns: Sequence[str]) -> Condition:
    meant = OriginPatterns(patterns)

    def fits(head: RequestHead) -> bool:
        values = head.headers.getall("Origin", ())
        return len(values) == 1 and meant.matches(values[0])

    def found(head: RequestHead) -> str:
        return ", ".join(head.headers.getall("Origin", ())) or "none"

    return Condition("origin", _listed(patterns), fits, found)


def _headers(fields: Fields, quantifier: Quantifier) -> Iterable[Condition]:
    def reader(name: str) -> Callable[[RequestHead], Sequence[str]]:
        return lambda head: head.headers.getall(name, ())

    for name, wanted in fields.items():
        yield _field("header", name, wanted, reader(name), quantifier, ignore_case=True)


def _query(fields: Fields, quantifier: Quantifier) -> Iterable[Condition]:
    def reader(name: str) -> Callable[[RequestHead], Sequence[str]]:
        return lambda head: head.query.getall(name, ())

    for name, wanted in fields.items():
        yield _field("query", name, wanted, reader(name), quantifier, ignore_case=False)


def _field(
    key: str,
    name: str,
    wanted: Sequence[str] | bool,  # noqa: FBT001  # or what it says in the rule
    read: Callable[[RequestHead], Sequence[str]],
    quantifier: Quantifier,
    *,
    ignore_case: bool,
) -> Condition:
    """A condition on the values of one name."""

    def found(head: RequestHead) -> str:
        return ", ".join(read(head)) or ("empty" if read(head) else "none")

    if isinstance(wanted, bool):
        meant = "any" if wanted else "none"
        return Condition(f"{key}.{name}", meant, lambda head: bool(read(head)) is wanted, found)
    patterns = wanted
    fullmatch = _any_of([value_regex(pattern, ignore_case=ignore_case) for pattern in patterns])

    def fits(head: RequestHead) -> bool:
        values = read(head)
        return bool(values) and quantifier(fullmatch(value) is not None for value in values)

    return Condition(f"{key}.{name}", _listed(patterns), fits, found)


def _any_of(regexes: Sequence[re.Pattern[str]]) -> Callable[[str], object | None]:
    """What gives None for a text that none of them matches."""
    if len(regexes) == 1:
        return regexes[0].fullmatch
    matchers = [regex.fullmatch for regex in regexes]
    return lambda text: next((True for fullmatch in matchers if fullmatch(text)), None)


def _listed(texts: Sequence[str]) -> str:
    return " or ".join(texts)
