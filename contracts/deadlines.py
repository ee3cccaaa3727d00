"""The times of a withdrawal: until when a recipient stops, erases and has backups gone, and how long a silent wallet
is still believed.

A contract states them as parameters of its duty to erase on withdrawal (`policy.odrl.duties`); what it does not state
is the holder's own setting. They are fixed when the agreement is made. Shorter is narrower, for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, Final

from contracts.duty_terms import left_of, owed, rules
from contracts.shape import Json
from policy.narrowing import NotNarrowerError
from policy.odrl import vocabulary as v
from policy.odrl.duties import Duty, period

_ERASE: Final = "erase-on-withdrawal"
_DELAY: Final = f"{v.ODRL}delayPeriod"
_LEFT: Final[Mapping[str, str]] = {
    "stop": v.STOP_WITHIN, "erase": f"{v.ODRL}elapsedTime", "backups": v.BACKUPS_WITHIN, "freshness": v.FRESHNESS,
}  # fmt: skip
"""Which left operand states which time."""
_LONGEST: Final[Mapping[str, timedelta]] = {
    "stop": timedelta(days=30), "erase": timedelta(days=365), "backups": timedelta(days=3650),
    "freshness": timedelta(days=30),
}  # fmt: skip
_NAMED: Final[Mapping[str, str]] = {
    "stop": "the time to stop", "erase": "the time to erase", "backups": "the time until backups are gone",
    "freshness": "how long a silent wallet is believed",
}  # fmt: skip
NAMES: Final = tuple(_LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The times of a withdrawal under one contract, each counted from when it counts."""

    stop: timedelta
    erase: timedelta
    backups: timedelta
    freshness: timedelta

    def wire(self) -> dict[str, int]:
        """As it is kept with an agreement: whole seconds by name."""
        return {name: int(getattr(self, name).total_seconds()) for name in NAMES}

    @classmethod
    def read(cls, kept: Mapping[str, Any] | None, default: Deadlines) -> Deadlines:
        """What was kept with an agreement; what is missing or unreadable there is the default's, never longer."""
        said = {name: _seconds((kept or {}).get(name)) for name in NAMES}
        return replace(default, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Times as somebody writes them, as durations (``PT24H``, ``P30D``); None says nothing about one."""

    stop: str | None = None
    erase: str | None = None
    backups: str | None = None
    freshness: str | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) is not None for one in fields(self))

    def given(self) -> dict[str, str]:
        """Those that say something, by name."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}


def deadlines_of(policy: Mapping[str, Any] | None, default: Deadlines) -> Deadlines:
    """The times a policy states, the shortest where it states one twice; `default` where it states none.

    A policy that cannot be read states none: nothing is agreed to under it either.
    """
    return _shortest(owed(policy, _ERASE), default)


def with_times(policy: Mapping[str, Any], times: Times) -> dict[str, Any]:
    """A copy of the policy that states these times in every duty to erase on withdrawal, in one more if it has none.

    A time that stands there already is replaced. Raises ValueError naming the time and what would be accepted.
    """
    made = deepcopy(dict(policy))
    checked = {name: _checked(name, text) for name, text in times.given().items()}
    if not checked:
        return made
    duties = list(rules(made, v.ERASE_ON_WITHDRAWAL))
    if not duties:
        owed = made.get("obligation", [])
        duties = [{"action": v.ERASE_ON_WITHDRAWAL}]
        made["obligation"] = [*(owed if isinstance(owed, list) else [owed]), *duties]
    for duty in duties:
        standing = duty.get("constraint", [])
        listed = standing if isinstance(standing, list) else [standing]
        replaced = {_LEFT[name] for name in checked} | ({_DELAY} if "erase" in checked else set())
        kept = [one for one in listed if left_of(one) not in replaced]
        duty["constraint"] = [*kept, *(_constraint(name, text) for name, text in checked.items())]
    return made


def narrower_times(policy: Mapping[str, Any], times: Times) -> dict[str, Any]:
    """The same for terms under negotiation: only shorter times than those that stand. Raises NotNarrowerError."""
    standing = {name: [value for duty in owed(policy, _ERASE) if (value := _of(duty, name))] for name in NAMES}
    for name, text in times.given().items():
        try:
            wanted = period(_checked(name, text))
        except ValueError as fault:
            raise NotNarrowerError(name, str(fault), "a duration such as PT24H or P30D") from None
        if any(wanted.longest > longest.shortest for longest in standing[name]):
            raise NotNarrowerError(name, f"This is longer than {_NAMED[name]} now is", "a shorter time than stands")
    return with_times(policy, times)


def _shortest(duties: Iterable[Duty], default: Deadlines) -> Deadlines:
    found: dict[str, timedelta] = {}
    for duty in duties:
        for name in NAMES:
            if (said := _of(duty, name)) is not None:
                # A counterparty may write any number: what is kept can always be added to a date.
                within = max(timedelta(), min(said.shortest, _LONGEST[name]))
                found[name] = min(within, found.get(name, within))
    return replace(default, **found)


def _of(duty: Duty, name: str) -> Any:
    return duty.within if name == "erase" else getattr(duty, name)


def _checked(name: str, text: str) -> str:
    try:
        found = period(text)
    except ValueError as fault:
        raise ValueError(f"{_NAMED[name]} is {fault}") from None
    if not timedelta() < found.shortest or found.longest > _LONGEST[name]:
        raise ValueError(f"{_NAMED[name]} is more than nothing and at most {_LONGEST[name].days} days")
    return text


def _constraint(name: str, text: str) -> Json:
    value: Json = {"@value": text, "@type": f"{v.XSD}duration"}
    return {"leftOperand": _LEFT[name], "operator": "lteq", "rightOperand": value}


def _seconds(value: object) -> timedelta | None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return timedelta(seconds=min(value, 10**10))
