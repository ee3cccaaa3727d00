"""Where the terms of one registered duty stand in a policy, in any of the spellings JSON-LD allows for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policy.odrl import PolicyError, read
from policy.odrl import vocabulary as v
from policy.odrl.duties import Duty, stated


def owed(policy: Mapping[str, Any] | None, key: str) -> tuple[Duty, ...]:
    """The duties of this registered key; none in a policy that cannot be read."""
    try:
        return tuple(one for one in stated(read(policy or {})) if one.key == key)
    except PolicyError:
        return ()


def rules(policy: Mapping[str, Any], action: str) -> Iterator[dict[str, Any]]:
    """The rules, to be altered in place, that owe this action: of the policy itself and of its permissions."""
    permissions = [one for one in listed(policy.get("permission")) if isinstance(one, dict)]
    for several in (policy.get("obligation"), *(one.get("duty") for one in permissions)):
        yield from (one for one in listed(several) if isinstance(one, dict) and _asks(one, action))


def listed(value: Any) -> list[Any]:
    """One value or several, as several."""
    return value if isinstance(value, list) else [] if value is None else [value]


def left_of(constraint: object) -> str:
    """The IRI of a constraint's left operand; empty where there is none."""
    left = constraint.get("leftOperand") if isinstance(constraint, dict) else None
    return v.expand_odrl(left) if isinstance(left, str) else ""


def _asks(rule: Mapping[str, Any], action: str) -> bool:
    said = rule.get("action")
    return isinstance(said, str) and v.duty(said) == action
