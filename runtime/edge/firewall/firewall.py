"""The firewall as the front asks it, and its counters.

Promise:
    What is refused here, no user code has seen, no byte of its body was read, and no upgrade
    was answered. A place that a request holds is given back when its answer is done, or when its
    WebSocket has ended; one that another process has let pass is counted as its request would be.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from ....actors.http import Request
from ....actors.watch import watch
from ...config.firewall.model import FirewallRule, JwtProof, Secret, SignatureProof
from ...config.firewall.secrets import refused_key, resolve_secrets
from ...config.model import WorkerConfig
from ..http_protocol import plain_response
from ..outside import Outside
from .head import RequestHead, host_of
from .requiring import Check, signature_check, token_check
from .rules import Judgement, Now, Rule, hold, judge
from .same_site import OriginCheck, refusal_text

log = logging.getLogger("perdure.edge")

Ended = TypeVar("Ended")
# The log tells of each rule so often at most, and how many there were in between: whoever
# attacks must not fill the disk.
LOG_INTERVAL_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RuleStatistics:
    """What one rule has done since the start.

    Attributes:
        name: Of the rule.
        action: The same.
        matched: How many requests it was for.
        refused: How many it has answered: denied, or found too many, or without proof.
        would_have: How many it would have answered, or told of, in shadow mode.
    """

    name: str
    action: str
    matched: int
    refused: int
    would_have: int


@dataclass(frozen=True, slots=True)
class FirewallStatistics:
    """What the firewall has done since the start.

    Attributes:
        rules: In their order.
        origins_refused: Upgrades that pages of other sites asked for.
    """

    rules: Sequence[RuleStatistics]
    origins_refused: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to a request that may not pass."""

    status: int
    body: str
    headers: Mapping[str, str] | None = None


class Firewall:
    """Decides which requests the Worker sees.

    Attributes:
        has_rules: There is something to be asked about requests that are no upgrades.
        holds_places: Some request holds a place that ``release`` has to give back.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        allowed_origins: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
        proxy_headers: str = "x-forwarded",
        clock: Callable[[], Now] | None = None,
    ) -> None:
        self.has_rules = bool(rules)
        self.holds_places = False
        self._rules = rules
        self._origins = OriginCheck(allowed_origins)
        self._outside = Outside(trusted_proxies, proxy_headers)
        self._clock = clock or _now
        self._judgements: dict[RequestHandler, Judgement] = {}
        self._origins_refused = 0
        self._told: dict[str, tuple[int, int]] = {}

    @classmethod
    def of(cls, config: WorkerConfig, environment: Mapping[str, str]) -> "Firewall":
        """Make the firewall that a configuration describes.

        Args:
            config: Of the Worker.
            environment: The process's environment variables, for the secrets that are there.

        Raises:
            ConfigError: A secret is not there, or of no use.
        """
        perdure = config.perdure
        return cls(
            make_rules(config, environment),
            allowed_origins=perdure.allowed_origins,
            trusted_proxies=perdure.trusted_proxies,
            proxy_headers=perdure.proxy_headers,
        )

    def refusal(self, incoming: web.BaseRequest, *, is_upgrade: bool) -> web.Response | None:
        """The answer to a request that may not pass, or None."""
        refused, judgement = self.decide(self._head(incoming, is_upgrade=is_upgrade))
        if refused is not None:
            return _answer(incoming, refused.status, refused.body, refused.headers)
        if judgement.leases:
            self._judgements[incoming.protocol] = judgement
            self.holds_places = True
        return None

    def decide(self, head: RequestHead) -> tuple[Refused | None, Judgement]:
        """Whether a request may pass.

        Returns:
            The answer if it may not, and else what it holds from then on: who asks has to
            ``release`` that when the request is answered, or its WebSocket has ended.
        """
        now = self._clock()
        judgement = judge(self._rules, head, now)
        for shadow in judgement.shadows:
            self._tell("firewall.would_have", shadow.rule.declared.name, head, shadow.why, now)
        if judgement.refusal is not None:
            refusal = judgement.refusal
            self._tell("firewall.refused", refusal.rule.declared.name, head, refusal.why, now)
            return Refused(refusal.status, refusal.body, refusal.headers), judgement
        if (
            head.is_upgrade
            and (origin := self._origins.refused_origin(head, judgement)) is not None
        ):
            judgement.release()
            self._origins_refused += 1
            self._tell("firewall.origin_refused", origin, head, "not in allowed_origins", now)
            return Refused(403, refusal_text(origin)), judgement
        return None, judgement

    def release(self, incoming: web.BaseRequest) -> None:
        """Give back what a request holds that has been answered."""
        judgement = self._judgements.pop(incoming.protocol, None)
        if judgement is not None:
            judgement.release()
        self.holds_places = bool(self._judgements)

    def until_end(
        self, incoming: web.BaseRequest, on_end: Callable[[Ended], None]
    ) -> Callable[[Ended], None]:
        """Hold what a request holds for as long as its WebSocket lives.

        Returns:
            ``on_end``, which gives it back too.
        """
        judgement = self._judgements.pop(incoming.protocol, None)
        return on_end if judgement is None else _releasing(judgement, on_end)

    def hold(self, request: Request, on_end: Callable[[Ended], None]) -> Callable[[Ended], None]:
        """Hold what a WebSocket holds that another process has let pass, until its end.

        Args:
            request: How its client has asked for it.
            on_end: What is to be done at its end.

        Returns:
            ``on_end``, which gives it back too.
        """
        if not self.has_rules:
            return on_end
        url = URL(request.url, encoded=True)
        head = RequestHead(
            request.method,
            url.raw_path_qs,
            request.header_fields(),
            host=url.authority,
            address=request.client_address or "",
            is_upgrade=True,
        )
        judgement = hold(self._rules, head)
        return _releasing(judgement, on_end) if judgement.leases else on_end

    def statistics(self) -> FirewallStatistics:
        """What it has done since the start."""
        return FirewallStatistics(
            tuple(
                RuleStatistics(
                    rule.declared.name,
                    rule.declared.action.value,
                    rule.matched,
                    rule.refused,
                    rule.would_have,
                )
                for rule in self._rules
            ),
            self._origins_refused,
        )

    def _head(self, incoming: web.BaseRequest, *, is_upgrade: bool) -> RequestHead:
        return RequestHead(
            incoming.method,
            incoming.raw_path,
            incoming.headers,
            host=host_of(incoming.raw_path, self._outside.host(incoming)),
            address=partial(self._outside.address, incoming),
            is_upgrade=is_upgrade,
        )

    def _tell(self, event: str, name: str, head: RequestHead, why: str, now: Now) -> None:
        """Log it, unless a line of the same rule was written a moment ago."""
        if watch.tell is not None:
            outcome = event.removeprefix("firewall.")
            watch.tell("firewall", None, {"outcome": outcome, **_facts(event, name, head, why)})
        key = f"{event} {name}" if event != "firewall.origin_refused" else event
        told_ns, unsaid = self._told.get(key, (-LOG_INTERVAL_NS, 0))
        if now.monotonic_ns - told_ns < LOG_INTERVAL_NS:
            self._told[key] = told_ns, unsaid + 1
            return
        self._told[key] = now.monotonic_ns, 0
        fields = _facts(event, name, head, why)
        if unsaid:
            fields["unsaid"] = unsaid
        log.info(event, extra=fields)


def _releasing(judgement: Judgement, on_end: Callable[[Ended], None]) -> Callable[[Ended], None]:
    def ended(what: Ended) -> None:
        judgement.release()
        on_end(what)

    return ended


def _facts(event: str, name: str, head: RequestHead, why: str) -> dict[str, object]:
    return {
        "origin" if event == "firewall.origin_refused" else "rule": name,
        "why": why,
        "method": head.method,
        "path": head.target.partition("?")[0],  # a token may stand in the query
        "address": head.address,
    }


def make_rules(config: WorkerConfig, environment: Mapping[str, str]) -> Sequence[Rule]:
    """Make a configuration's rules, with the secrets that they need.

    Raises:
        ConfigError: A secret is not there, or of no use.
    """
    secrets = resolve_secrets(config, environment)
    return tuple(Rule(one, _check(config, one, secrets)) for one in config.perdure.firewall)


def _check(
    config: WorkerConfig, rule: FirewallRule, secrets: Mapping[Secret, bytes]
) -> Check | None:
    proof = rule.proof
    if proof is None:
        return None
    keys = [secrets[secret] for secret in proof.keys]
    if isinstance(proof, SignatureProof):
        return signature_check(proof, keys)
    if not isinstance(proof, JwtProof):
        return token_check(proof, keys)
    from .web_tokens import KeyRefused, web_token_check  # noqa: PLC0415  # it takes 0.1 s

    try:
        return web_token_check(proof, keys)
    except KeyRefused as refused:
        secret = proof.keys[refused.number]
        raise refused_key(config, secret, f"{secret} {refused}") from None


def _answer(
    incoming: web.BaseRequest, status: int, body: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    response = plain_response(status, body, headers)
    if incoming.can_read_body:  # it is not read, so the connection is of no more use
        response.force_close()
    return response


def _now() -> Now:
    return Now(time.monotonic_ns(), time.time())
