"""The times of a withdrawal as forms offer them: how long a receiver has to stop, to erase, until backups are gone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from consent_ui.choices import Choice
from consent_ui.forms import Form
from policy.odrl.duties import Duty, length, period, words

_HOURS: tuple[Choice, ...] = (
    ("PT1H", "Within 1 hour"), ("PT6H", "Within 6 hours"), ("PT12H", "Within 12 hours"), ("PT24H", "Within 24 hours"),
)  # fmt: skip
TIMES: Mapping[str, tuple[Choice, ...]] = MappingProxyType(
    {
        "stop": _HOURS,
        "erase": tuple((f"P{days}D", f"Within {days} days") for days in (7, 14, 30, 90)),
        "backups": tuple((f"P{days}D", f"Within {days} days") for days in (30, 90, 180, 365)),
        "freshness": tuple((value, said.replace("Within", "For")) for value, said in _HOURS),
    }
)
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "stop": "New use must stop",
        "erase": "What was received must be erased",
        "backups": "Backups must be free of it",
        "freshness": "A silent wallet is still believed",
    }
)
"""Field of a form -> what it asks."""


def chosen_times(form: Form) -> dict[str, str]:
    """What was chosen, by name; an error on a field where it was not offered."""
    found = {name: form.text(f"time-{name}") for name in TIMES if form.text(f"time-{name}")}
    for name, value in found.items():
        if value not in dict(TIMES[name]):
            form.refuse(f"time-{name}", "Choose one of the answers in the list")
    return found


def withdrawal_words(times: Mapping[str, str]) -> str:
    """The duty to erase on withdrawal with these times, in words."""
    read = {name: period(text) for name, text in times.items()}
    return words(
        Duty(
            key="erase-on-withdrawal", within=read.get("erase"), stop=read.get("stop"), backups=read.get("backups"),
            freshness=read.get("freshness"),
        )
    )  # fmt: skip


def time_changes(times: Mapping[str, str]) -> list[tuple[str, str]]:
    """(what it asks, how long), for a check before it is sent."""
    return [(LABELS[name], length(period(text))) for name, text in times.items()]
