"""Fuzzing of the firewall's matchers, led by coverage: heads of requests out of arbitrary bytes.

    pip install atheris
    python -m tests.fuzz.firewall -max_total_time=60 [further options of libFuzzer]

hypothesis (tests/properties/test_firewall.py) tries what somebody thought of; this looks for
branches that nobody did. It ends with a crash, and the bytes that make it, when a request breaks
a rule, gets round one, takes too long (-timeout), or too much memory (-rss_limit_mb).
"""

import importlib
import sys
from typing import Any

from multidict import CIMultiDict

ATHERIS: Any = importlib.import_module("atheris")

with ATHERIS.instrument_imports(
    include=["perdure.runtime.edge.firewall", "perdure.runtime.config"]
):
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
    from perdure.runtime.edge.firewall.head import RequestHead
    from perdure.runtime.edge.firewall.requiring import signature_check, token_check
    from perdure.runtime.edge.firewall.rules import Judgement, Now, Rule, judge
    from perdure.runtime.edge.firewall.same_site import OriginCheck
    from perdure.runtime.edge.firewall.web_tokens import web_token_check

KEY = b"a secret of more than thirty-two bytes"
PLACES = [Place(kind, "x-key") for kind in ("bearer", "header", "cookie", "query", "protocol")]
NAMES = ["Origin", "Cookie", "Authorization", "X-Key", "Sec-WebSocket-Protocol"]
EVERYTHING = Match(
    path=("/a/*/b*c", "/**/x"),
    method=("GET",),
    host=("*.example.com", "h:80"),
    address=("10.0.0.0/8", "::/3"),
    origin=("https://*.example.com", "null"),
    upgrade=True,
    header={"X-Key": ("*a*b",), "Cookie": True},
    query={"a": ("?b*",), "b": False},
)
ADMIN = FirewallRule("admin", Action.DENY, Match(path=("/admin/**",)))
CHECKS = (
    token_check(TokenProof((), PLACES), [KEY]),
    signature_check(SignatureProof(()), [KEY]),
    web_token_check(JwtProof(("HS256",), (), PLACES), [KEY]),
)


def rules() -> list[Rule]:
    """One of each kind, none of which decides before ``ADMIN`` does."""
    limits = [
        FirewallRule(
            per, Action.LIMIT, limit=Limit(Rate(1, 1, 1), 1, Per(per, "x-key")), is_shadow=True
        )
        for per in ("address", "header", "cookie", "everyone")
    ]
    proof = FirewallRule("proof", Action.REQUIRE, proof=TokenProof((), PLACES), is_shadow=True)
    return [
        Rule(FirewallRule("all", Action.LOG, EVERYTHING, unless=Match(path=("/a/**/c",)))),
        *map(Rule, limits),
        *(Rule(proof, check) for check in CHECKS),
        Rule(ADMIN),
    ]


RULES = rules()


def field_value(source: Any, size: int) -> str:
    """Bytes as the parser decodes them."""
    return str(source.ConsumeBytes(size).decode("utf-8", "surrogateescape"))


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    source = ATHERIS.FuzzedDataProvider(data)
    fields = [
        (source.PickValueInList(NAMES), field_value(source, 60))
        for _ in range(source.ConsumeIntInRange(0, 4))
    ]
    # The parser refuses targets that are not ASCII.
    rest = source.ConsumeBytes(60).decode("ascii", "ignore")
    target = ("/" if source.ConsumeBool() else "") + rest
    head = RequestHead(
        source.PickValueInList(["GET", "POST"]),
        target,
        CIMultiDict(fields),
        host=field_value(source, 20),
        address=source.PickValueInList(["", "10.0.0.1", "2001:db8::1", "no address"]),
        is_upgrade=source.ConsumeBool(),
    )
    judgement = judge(RULES, head, Now(source.ConsumeIntInRange(0, 2**60), 1.0), [])
    below = [path == "/admin" or path.startswith("/admin/") for path in head.paths]
    assert (judgement.refusal is not None) == any(below)
    judgement.release()
    for check in CHECKS:
        assert check(head, 1000.0) is not None, "without the key there is no proof"
    OriginCheck(["https://*.example.com"]).refused_origin(head, Judgement())


def main() -> None:
    """Run until told otherwise."""
    ATHERIS.Setup(sys.argv, one_input)
    ATHERIS.Fuzz()


if __name__ == "__main__":
    main()
