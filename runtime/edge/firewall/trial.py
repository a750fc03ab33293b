"""What the firewall would do with a request that nobody sends, and why: ``perdure rules test``.

Promise:
    The rules are those of a running server, asked in the same way; only what it remembers of
    earlier requests is not known here.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from multidict import CIMultiDict

from ...config.errors import ConfigError
from ...config.firewall.model import Action, FirewallRule, JwtProof, SignatureProof
from ...config.model import WorkerConfig
from ..client_address import normal_address
from ..outside import Outside
from .firewall import make_rules
from .head import RequestHead, host_of
from .matching import Matcher
from .requiring import Objection
from .rules import Now, Refusal, Rule, Step, judge
from .same_site import OriginCheck, refusal_text

ALLOWED, REFUSED, UNKNOWN = "allowed", "refused", "unknown"


@dataclass(frozen=True, slots=True)
class TriedRequest:
    """A request as somebody writes it down.

    Attributes:
        method: In capitals.
        target: A path with a query, or a whole URL.
        headers: Names and values.
        peer: The address at the other end of the connection.
        is_upgrade: It asks to become a WebSocket.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    peer: str
    is_upgrade: bool


@dataclass(frozen=True, slots=True)
class TriedRule:
    """What one rule had to do with it.

    Attributes:
        name: Of the rule.
        action: The same.
        line: Where it stands.
        outcome: ``not for it``, ``excepted``, ``allows``, ``passes``, ``refuses``,
            ``would refuse``, ``logs``, ``cannot tell`` or ``not asked``.
        why: In words; may be empty.
    """

    name: str
    action: str
    line: int | None
    outcome: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a request.

    Attributes:
        verdict: ``allowed``, ``refused``, or ``unknown`` without the secret that would tell.
        decided_by: The rule that decided; None if none did.
        why: In words.
        status: Of the answer; None if the program would answer.
        body: The same.
        headers: The same.
        address: The client's, as rules see it.
        host: Where it goes, as rules see it.
        rules: All of them, in their order.
    """

    verdict: str
    decided_by: str | None
    why: str
    status: int | None
    body: str | None
    headers: Mapping[str, str]
    address: str
    host: str
    rules: Sequence[TriedRule]


class _CannotTell(Exception):
    """A secret is not there."""


def try_request(
    config: WorkerConfig, environment: Mapping[str, str], request: TriedRequest
) -> Trial:
    """Ask the firewall of a configuration about a request."""
    rules = [_rule(config, one, environment) for one in config.perdure.firewall]
    head = _head(config, request)
    steps: list[Step] = []
    now = Now(time.monotonic_ns(), time.time())
    try:
        judgement = judge(rules, head, now, steps)
    except _CannotTell as missing:
        told = [_told(step, head) for step in steps[:-1]]
        last = _tried(steps[-1].rule.declared, "cannot tell", str(missing))
        rest = [*told, last, *_not_asked(rules[len(steps) :])]
        return _trial(head, UNKNOWN, steps[-1].rule.declared.name, str(missing), rest)
    told = [*(_told(step, head) for step in steps), *_not_asked(rules[len(steps) :])]
    if judgement.refusal is not None:
        name = judgement.refusal.rule.declared.name
        return _trial(head, REFUSED, name, judgement.refusal.why, told, judgement.refusal)
    origin = OriginCheck(config.perdure.allowed_origins).refused_origin(head, judgement)
    if origin is not None:
        why = f"{origin or 'an empty origin'} is another site, and not in perdure.allowed_origins"
        trial = _trial(head, REFUSED, None, why, told)
        return replace(trial, status=403, body=refusal_text(origin))
    if judgement.allowed_by is not None:
        return _trial(head, ALLOWED, judgement.allowed_by.declared.name, "it says so", told)
    return _trial(head, ALLOWED, None, "no rule refuses it", told)


def described(rule: FirewallRule) -> str:
    """Which requests a rule is for, in one line."""
    conditions = Matcher(rule.match, is_strict=False).conditions
    text = ", ".join(f"{one.key} {one.meant}" for one in conditions) or "every request"
    if rule.unless is not None:
        excepted = Matcher(rule.unless, is_strict=False).conditions
        text += f", unless {', '.join(f'{one.key} {one.meant}' for one in excepted)}"
    return text


def does(rule: FirewallRule) -> str:
    """What a rule does with them, in one line."""
    if rule.action is Action.DENY:
        return f"deny with {rule.status}"
    if rule.limit is not None:
        connections = rule.limit.connections
        parts = [str(rule.limit.rate)] if rule.limit.rate is not None else []
        parts += [f"{connections} connections"] if connections is not None else []
        return f"limit to {' and '.join(parts)} per {rule.limit.per}"
    if isinstance(rule.proof, SignatureProof):
        return "require a signed URL"
    if rule.proof is not None:
        kind = "web token" if isinstance(rule.proof, JwtProof) else "token"
        return f"require a {kind} in {' or '.join(map(str, rule.proof.places))}"
    return str(rule.action.value)


def _rule(config: WorkerConfig, rule: FirewallRule, environment: Mapping[str, str]) -> Rule:
    """Make one rule; one whose secret is not there cannot tell."""
    alone = replace(config, perdure=replace(config.perdure, firewall=(rule,)))
    try:
        return make_rules(alone, environment)[0]
    except ConfigError as error:
        why = error.problems[0].message

    def check(_head: RequestHead, _time_s: float) -> Objection | None:
        raise _CannotTell(why)

    return Rule(rule, check)


def _head(config: WorkerConfig, request: TriedRequest) -> RequestHead:
    headers = CIMultiDict(request.headers)
    outside = Outside(config.perdure.trusted_proxies, config.perdure.proxy_headers)
    address, host = normal_address(request.peer), headers.get("Host", "localhost")
    if (seen := outside.look(address, headers)) is not None:
        address, host = seen.address, seen.host or host
    return RequestHead(
        request.method,
        request.target,
        headers,
        host=host_of(request.target, host),
        address=address,
        is_upgrade=request.is_upgrade,
    )


def _told(step: Step, head: RequestHead) -> TriedRule:
    rule, declared = step.rule, step.rule.declared
    if step.objection is not None:
        found = step.objection.found(head)
        why = f"{step.objection.key} is {found}, not {step.objection.meant}"
        return _tried(declared, "not for it", why)
    if step.is_excepted:
        return _tried(declared, "excepted", "it fits all of unless")
    if declared.action is Action.LOG:
        return _tried(declared, "logs")
    if step.refusal is not None:
        return _tried(declared, "would refuse" if rule.is_shadow else "refuses", step.refusal.why)
    if declared.action is Action.ALLOW:
        return _tried(declared, "would allow" if rule.is_shadow else "allows")
    return _tried(declared, "passes", "as the first request" if declared.limit else "")


def _not_asked(rules: Sequence[Rule]) -> Sequence[TriedRule]:
    return [_tried(rule.declared, "not asked") for rule in rules]


def _tried(declared: FirewallRule, outcome: str, why: str = "") -> TriedRule:
    return TriedRule(declared.name, declared.action.value, declared.line, outcome, why)


def _trial(
    head: RequestHead,
    verdict: str,
    decided_by: str | None,
    why: str,
    rules: Sequence[TriedRule],
    refusal: Refusal | None = None,
) -> Trial:
    return Trial(
        verdict,
        decided_by,
        why,
        None if refusal is None else refusal.status,
        None if refusal is None else refusal.body,
        {} if refusal is None else refusal.headers,
        head.address,
        head.host,
        rules,
    )
