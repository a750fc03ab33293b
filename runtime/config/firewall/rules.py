"""Reading ``[[perdure.firewall]]``, one table after the other.

A rule that is not understood must not be taken for one that lets everybody in: whatever is not
clear is an error, and nothing is started.
"""

from collections.abc import Sequence
from pathlib import Path

from ..errors import did_you_mean
from ..report import Table, shown
from .actions import LIMIT_KEYS, PROOF_KEYS, read_limit, read_proof
from .matches import KEYS as MATCH_KEYS
from .matches import find_flag, read_match
from .model import Action, FirewallRule, Match, SignatureProof

ANSWER_KEYS = ("status", "body")
# What a key belongs to; keys that are not here belong to every action.
_ACTIONS_OF = (
    dict.fromkeys(LIMIT_KEYS, (Action.LIMIT,))
    | dict.fromkeys(PROOF_KEYS, (Action.REQUIRE,))
    | dict.fromkeys(ANSWER_KEYS, (Action.DENY, Action.LIMIT, Action.REQUIRE))
)
RULE_KEYS = ("name", "action", "unless", "shadow", *MATCH_KEYS, *_ACTIONS_OF)
_STATUS = {Action.LIMIT: 429, Action.REQUIRE: 401}
_STATUS_USUAL = 403


def read_firewall(layer: Table, base_dir: Path) -> Sequence[FirewallRule] | None:
    """Read the rules of ``[perdure]`` or ``[env.NAME.perdure]``; None when it has none.

    Args:
        layer: That table.
        base_dir: Where relative paths of key files start from.
    """
    value = layer.values.get("firewall")
    if value is None:
        return None
    if not isinstance(value, list):
        message = f'"{layer.name("firewall")}" should be an array of tables.'
        hint = "Write [[perdure.firewall]], with two brackets, above each rule."
        layer.report.error(layer.key("firewall"), message, hint)
        return None
    found = []
    for number, table in enumerate(layer.find_tables("firewall"), 1):
        rule = _read_rule(table, f"rule {number}", base_dir)
        if rule is not None:
            found.append((table, rule))
    _check_names(found)
    _tell_of_the_unreachable(found)
    return tuple(rule for _, rule in found)


def _read_rule(table: Table, usual_name: str, base_dir: Path) -> FirewallRule | None:
    for key in table.values:
        if key not in RULE_KEYS:
            message = f'There is no setting "{table.name(key)}".'
            table.report.error(table.key(key), message, did_you_mean(key, RULE_KEYS))
    action = _read_action(table)
    match, unless = read_match(table), _read_unless(table)
    if action is None:
        return None
    _check_keys(table, action)
    proof = read_proof(table, base_dir) if action is Action.REQUIRE else None
    usual_status = 403 if isinstance(proof, SignatureProof) else _STATUS.get(action, _STATUS_USUAL)
    return FirewallRule(
        name=table.find_string("name") or usual_name,
        action=action,
        match=match,
        unless=unless,
        is_shadow=bool(find_flag(table, "shadow")),
        status=_read_status(table) or usual_status,
        body=table.find_string("body") or "",
        limit=read_limit(table) if action is Action.LIMIT else None,
        proof=proof,
        line=table.report.line(table.path),
    )


def _read_action(table: Table) -> Action | None:
    choices = [action.value for action in Action]
    if "action" not in table:
        hint = f"It is one of {', '.join(choices)}."
        table.report.error(table.key("action"), f'"{table.name("action")}" is required.', hint)
    name = table.find_choice("action", choices)
    return None if name is None else Action(name)


def _read_unless(table: Table) -> Match | None:
    unless = table.find_table("unless")
    if unless is None:
        return None
    for key in unless.values:
        if key not in MATCH_KEYS:
            message = f'There is no setting "{unless.name(key)}".'
            unless.report.error(unless.key(key), message, did_you_mean(key, MATCH_KEYS))
    match = read_match(unless)
    if not unless.values:
        message = f'"{unless.label}" is empty, which would except every request.'
        unless.report.error(unless.path, message, "Leave it out, or say what is excepted.")
    return match


def _check_keys(table: Table, action: Action) -> None:
    for key, actions in _ACTIONS_OF.items():
        if key in table and action not in actions:
            meant = " or ".join(f'"{one.value}"' for one in actions)
            message = f'"{table.name(key)}" means nothing with the action "{action.value}".'
            table.report.error(table.key(key), message, f"It goes with {meant}.")


def _read_status(table: Table) -> int | None:
    value = table.find_number("status", whole=True)
    if value is None or 400 <= value <= 599:
        return None if value is None else int(value)
    message = f'Expected "{table.name("status")}" to be from 400 to 599 but got {shown(value)}.'
    table.report.error(table.key("status"), message)
    return None


def _check_names(found: Sequence[tuple[Table, FirewallRule]]) -> None:
    seen: set[str] = set()
    for table, rule in found:
        if rule.name in seen:
            message = f'Two rules are called "{rule.name}".'
            hint = "Logs and counters tell rules apart by their names."
            table.report.error(table.key("name"), message, hint)
        seen.add(rule.name)


def _tell_of_the_unreachable(found: Sequence[tuple[Table, FirewallRule]]) -> None:
    last: FirewallRule | None = None
    for table, rule in found:
        if last is not None:
            message = f'The rule "{rule.name}" is never asked: "{last.name}" decides everything.'
            table.report.warning(table.path, message, "The first rule that decides wins.")
        elif rule.ends_everything:
            last = rule
