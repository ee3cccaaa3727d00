"""What a contract may ask of the risk of a release, as forms offer it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from consent_ui.choices import Choice
from consent_ui.forms import Form
from policy.odrl.duties import Duty, words

_SHARES: tuple[Choice, ...] = (("0", "Nobody"), ("0.01", "1 %"), ("0.05", "5 %"), ("0.1", "10 %"), ("0.2", "20 %"))
RISKS: Mapping[str, tuple[Choice, ...]] = MappingProxyType(
    {
        "min_k": tuple((str(count), f"At least {count} people") for count in (2, 3, 5, 10, 20, 50)),
        "max_unique": _SHARES,
        "min_l": tuple((str(count), f"At least {count}") for count in (2, 3, 5, 10)),
        "max_t": tuple((f"0.{tens}", f"By at most {tens}0 %") for tens in (1, 2, 3, 5, 8)),
    }
)
RISK_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "min_k": "People who share each combination of features",
        "max_unique": "People who may be the only one with theirs",
        "min_l": "Different main diagnoses among those who share one",
        "max_t": "How far their diagnoses may differ from everybody's",
    }
)
"""Field of a form -> what it asks."""


def chosen_risk(form: Form) -> dict[str, str]:
    """What was chosen, by name; an error on a field where it was not offered."""
    found = {name: form.text(f"risk-{name}") for name in RISKS if form.text(f"risk-{name}")}
    for name, value in found.items():
        if value not in dict(RISKS[name]):
            form.refuse(f"risk-{name}", "Choose one of the answers in the list")
    return found


def risk_fields() -> list[tuple[str, str, tuple[Choice, ...]]]:
    """(field, what it asks, answers), for a form."""
    return [(f"risk-{name}", RISK_LABELS[name], offered) for name, offered in RISKS.items()]


def risk_words(risk: Mapping[str, str]) -> list[str]:
    """The duty to assess the risk with these limits as a sentence; none where nothing is asked."""
    if not risk:
        return []
    shares = {name: Decimal(value) for name, value in risk.items() if name.startswith("max_")}
    counts = {name: int(value) for name, value in risk.items() if name.startswith("min_")}
    return [
        words(
            Duty(
                key="assess-risk", min_k=counts.get("min_k"), min_l=counts.get("min_l"), max_t=shares.get("max_t"),
                max_unique=shares.get("max_unique"),
            )
        )
    ]  # fmt: skip


def risk_changes(risk: Mapping[str, str]) -> list[tuple[str, str]]:
    """(what it asks, the answer), for a check before it is sent."""
    return [(RISK_LABELS[name], dict(RISKS[name])[value]) for name, value in risk.items()]
