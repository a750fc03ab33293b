# Pure: the times are arguments.
"""The order of the rules: what becomes of one request.

``allow`` and ``deny`` decide. ``limit`` and ``require`` decide only if they object; a request that
they let pass goes on to the next rule, and so does one that a rule with ``shadow`` or the action
``log`` is for. Who gets past the last rule may pass.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from ...config.firewall.model import Action, FirewallRule
from .head import RequestHead
from .limiting import Lease, Limiter
from .matching import Condition, Matcher, Test
from .requiring import Check, Objection

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Now(NamedTuple):
    """The time.

    Attributes:
        monotonic_ns: Nanoseconds of a clock that never goes back.
        unix_s: Unix time in seconds.
    """

    monotonic_ns: int
    unix_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that does not pass.

    Attributes:
        rule: Who says so.
        why: Why, for the operator.
        status: Of the answer.
        body: The same.
        headers: The same.
    """

    rule: "Rule"
    why: str
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule had to do with a request.

    Attributes:
        rule: Which one.
        objection: The condition that the request did not fit; None if the rule is for it, or if
            ``is_excepted``.
        is_excepted: The rule is for it but for its ``unless``.
        refusal: What it answers, or in shadow mode would have answered.
    """

    rule: "Rule"
    objection: Condition | None = None
    is_excepted: bool = False
    refusal: Refusal | None = None

    @property
    def is_for_it(self) -> bool:
        """Whether the rule had any say."""
        return self.objection is None and not self.is_excepted


class Rule:
    """One rule, ready to be asked, with its counters.

    Attributes:
        declared: As it stands in the configuration.
        is_for: Whether it has a say about a request.
        matched: How many requests it was for.
        refused: How many it has answered.
        would_have: How many it would have answered, or told of, in shadow mode.
        names_origin: It says which origins it is for.
    """

    __slots__ = (
        "_act",
        "_except",
        "_limiter",
        "_matcher",
        "declared",
        "is_for",
        "is_shadow",
        "matched",
        "names_origin",
        "refused",
        "would_have",
    )

    def __init__(self, declared: FirewallRule, check: Check | None = None) -> None:
        """Make a rule; one that requires a proof needs the ``check`` for it."""
        self.declared = declared
        self.matched = 0
        self.refused = 0
        self.would_have = 0
        self.is_shadow = declared.is_shadow or declared.action is Action.LOG
        self.names_origin = bool(declared.match.origin)
        lets_pass = declared.action is Action.ALLOW
        self._matcher = Matcher(declared.match, is_strict=lets_pass)
        self._except = None
        if declared.unless is not None:
            self._except = Matcher(declared.unless, is_strict=not lets_pass)
        self.is_for: Test = self._matcher.fits
        if self._except is not None:
            self.is_for = _without(self._matcher.fits, self._except.fits)
        self._limiter = None if declared.limit is None else Limiter(declared.limit)
        self._act = self._make_act(check)

    def step(self, head: RequestHead) -> Step:
        """Say why it has a say, or has none."""
        objection = self._matcher.objection(head)
        if objection is not None:
            return Step(self, objection)
        return Step(self, is_excepted=self._except is not None and self._except.fits(head))

    def act(self, head: RequestHead, now: Now) -> "Refusal | Lease | None":
        """Answer the request, hold a place for it, or neither."""
        return self._act(head, now)

    def hold(self, head: RequestHead) -> Lease | None:
        """Hold a place for a request that somebody else has let pass, if this rule counts it."""
        return None if self._limiter is None else self._limiter.hold(head)

    def _make_act(self, check: Check | None) -> "Callable[[RequestHead, Now], _Act]":
        declared = self.declared
        if declared.action is Action.LIMIT:
            limiter = self._limiter
            assert limiter is not None, "checked when it was read"
            return lambda head, now: self._limit(limiter, head, now)
        if declared.action is Action.REQUIRE:
            assert check is not None, "made where the secrets are"
            return lambda head, now: self._require(check(head, now.unix_s))
        if declared.action is Action.ALLOW:
            return lambda _head, _now: None
        refusal = self._refusal("it is for this request")
        return lambda _head, _now: refusal

    def _limit(self, limiter: Limiter, head: RequestHead, now: Now) -> "_Act":
        lease, wait_ns, why = limiter.try_pass(head, now.monotonic_ns)
        if not wait_ns:
            return lease
        seconds = math.ceil(wait_ns / 1_000_000_000)
        assert self.declared.limit is not None, "checked when it was read"
        return self._refusal(f"{why} per {self.declared.limit.per}", {"Retry-After": str(seconds)})

    def _require(self, objection: Objection | None) -> Refusal | None:
        if objection is None:
            return None
        why = f"{objection.why}: {objection.detail}" if objection.detail else objection.why
        usual = objection.why[0].upper() + objection.why[1:]
        return self._refusal(why, objection.headers, usual)

    def _refusal(
        self, why: str, headers: Mapping[str, str] | None = None, usual_body: str = ""
    ) -> Refusal:
        declared = self.declared
        body = declared.body or usual_body or _PHRASES.get(declared.status, "Refused")
        return Refusal(self, why, declared.status, body, headers or {})


_Act = Refusal | Lease | None


def _without(fits: Test, excepted: Test) -> Test:
    return lambda head: fits(head) and not excepted(head)


@dataclass(slots=True)
class Judgement:
    """What becomes of a request.

    Attributes:
        refusal: The answer; None if it may pass.
        allowed_by: The rule that said so; None if no rule objected.
        leases: The places that it holds.
        shadows: What rules in shadow mode would have answered.
    """

    refusal: Refusal | None = None
    allowed_by: Rule | None = None
    leases: list[Lease] = field(default_factory=list)
    shadows: list[Refusal] = field(default_factory=list)

    def release(self) -> None:
        """Give all places back."""
        for lease in self.leases:
            lease.release()


# Of a request that no rule had a say in; most are such, and it is never changed.
_UNTOUCHED = Judgement()


def judge(
    rules: Sequence[Rule], head: RequestHead, now: Now, steps: list[Step] | None = None
) -> Judgement:
    """Ask the rules one after the other, up to the first that decides.

    Args:
        rules: All of them.
        head: The request.
        now: The time.
        steps: Is told what each rule that was asked had to do with it.
    """
    judgement = _UNTOUCHED
    for rule in rules:
        if steps is not None:
            steps.append(rule.step(head))
        if not rule.is_for(head):
            continue
        rule.matched += 1
        if judgement is _UNTOUCHED:
            judgement = Judgement()
        outcome = rule.act(head, now)
        if isinstance(outcome, Lease):
            judgement.leases.append(outcome)
        elif outcome is not None:
            if steps is not None:
                steps[-1] = Step(rule, refusal=outcome)
            if not rule.is_shadow:
                rule.refused += 1
                judgement.refusal = outcome
                judgement.release()
                return judgement
            rule.would_have += 1
            judgement.shadows.append(outcome)
        elif rule.declared.action is Action.ALLOW and not rule.is_shadow:
            judgement.allowed_by = rule
            return judgement
    return judgement


def hold(rules: Sequence[Rule], head: RequestHead) -> Judgement:
    """Hold the places of a request that somebody else has let pass, whatever rules say now."""
    judgement = Judgement()
    for rule in rules:
        if rule.is_for(head):
            if (lease := rule.hold(head)) is not None:
                judgement.leases.append(lease)
            elif rule.declared.action is Action.ALLOW and not rule.is_shadow:
                break
    return judgement
