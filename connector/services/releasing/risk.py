"""How easily somebody could be singled out in a release, measured before its first byte and held against the contract.

The report of it (`RiskReport`) and its entry in the log are one commit. Where the contract asks for more than was
found, or something it asks about cannot be said, the verdict is *refused*, and the release ends. Where it asks nothing
the risk is only reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Protocol

from connector.ports import PersonCoder, Renderer, Transaction
from connector.records import RiskReport
from connector.services.delivery import new_id
from connector.services.releasing.contract import Contract
from connector.services.releasing.risk_columns import DEFAULT, NAMES, NO_DIAGNOSIS, Unreadable
from connector.services.releasing.risk_figures import Figures, NotMeasured
from connector.services.releasing.risk_judging import failed, kept
from connector.services.releasing.risk_process import Measurement
from connector.services.releasing.risk_reading import Asked, Reading
from contracts.risk import NOTHING, thresholds_of
from policy.decision import Decision
from policy.reasons import Reason

if TYPE_CHECKING:
    from connector.services.context import Context

MET, REFUSED, REPORTED = "met", "refused", "reported"
TOO_HIGH = Reason(
    "risk-too-high", "Somebody could be singled out more easily in this release than the contract allows.", "rule"
)
"""Why a refused release ends, as anybody may read it: without a figure."""

_ASKED = {
    "min_k": "At least {} people share each combination of features.",
    "min_l": "Among those who share one there are at least {} main diagnoses.",
    "max_t": "How often a diagnosis occurs among them differs from everybody by a share of at most {}.",
    "max_unique": "At most a share of {} of the people stands alone.",
}


class InRelease(Protocol):
    """A person in a running release, as `connector.services.releasing.course.Subject` is one."""

    coder: PersonCoder
    fallen: str

    @property
    def judged(self) -> Decided:
        """What was decided about them."""
        ...


class Decided(Protocol):
    """Something that holds a decision."""

    @property
    def decision(self) -> Decision:
        """The decision."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured, None if that failed; `diagnoses`: some diagnosis would be in the release."""

    figures: Figures | None
    diagnoses: bool = False


async def assess(
    context: Context,
    renderer: Renderer,
    contract: Contract,
    subjects: Mapping[str, InRelease],
    as_of: date,
    release: str = "",
) -> RiskReport:
    """Measure a release that was decided, keep the report and log it. Raises what the renderer raises.

    A renderer that fails ends the release anyway; figures that cannot be computed are none, and refuse what is asked.
    """
    people = {
        person: Asked(one.judged.decision, one.coder) for person, one in subjects.items() if not one.fallen
    }  # fmt: skip
    names = columns_of(contract)
    found = await measured(context, renderer, contract, people, as_of, names)
    report = report_of(contract, found, names, release)

    def command(tx: Transaction) -> RiskReport:
        return keep(tx, context, report, "release.assessed")

    return await context.store.write(command)


async def measured(
    context: Context,
    renderer: Renderer,
    contract: Contract,
    people: Mapping[str, Asked],
    as_of: date,
    names: tuple[str, ...],
) -> Found:
    """The figures over these people, as they would be released. Raises what the renderer raises."""
    if contract.profile is None or contract.profile.format == "open-mhealth":
        return Found(None)
    if not people:
        return Found(Figures())
    diagnoses, reading = False, Reading(context, renderer, contract, as_of, names)
    try:
        async with Measurement(names) as measuring, aclosing(reading.rows(people)) as portions:
            async for rows in portions:
                diagnoses = diagnoses or any(row[-1] != NO_DIAGNOSIS for row in rows)
                await measuring.add(rows)
            figures = await measuring.figures(sensitive=diagnoses)
    except (NotMeasured, Unreadable):
        return Found(None)
    return Found(figures, diagnoses)


def columns_of(contract: Contract) -> tuple[str, ...]:
    """The quasi-identifiers that are measured: all of a Patient, and those the profile names beside them.

    A profile cannot take one away: it would decide over how many people its own contract's limits are met.
    """
    named = contract.profile.risk if contract.profile else ()
    return tuple(one for one in NAMES if one in named or one in DEFAULT)


def report_of(contract: Contract, found: Found, names: tuple[str, ...], release: str = "") -> RiskReport:
    """The report, not yet kept."""
    asked = thresholds_of(contract.agreement.policy)
    missed = failed(asked, found.figures)
    return RiskReport(
        id=new_id(), agreement=contract.agreement.id, dataset=contract.dataset, release=release,
        profile=contract.profile_name or "", people=found.figures.people if found.figures else 0,
        quasi={"columns": list(names)}, figures=kept(found.figures, diagnoses=found.diagnoses),
        thresholds=asked.wire(), failed={"failed": missed},
        verdict=REFUSED if missed else REPORTED if asked == NOTHING else MET,
    )  # fmt: skip


def refused_words(report: RiskReport) -> str:
    """Why a release was refused, as its recipient may read it: what the contract asks, and not what was found."""
    names = {one["name"]: one["asked"] for one in (report.failed or {}).get("failed", ())}
    asked = " ".join(_ASKED[name].format(asked) for name, asked in names.items() if name in _ASKED)
    return f"{TOO_HIGH.text} It asks: {asked}" if asked else TOO_HIGH.text


def keep(
    tx: Transaction, context: Context, report: RiskReport, kind: str, by: Mapping[str, str] | None = None
) -> RiskReport:
    """Keep a report, with its entry in the log: figures only, nothing about anybody."""
    made = replace(report, made_at=context.clock())
    tx.add(made)
    figures = made.figures or {}
    facts = {
        "report": made.id, "agreement": made.agreement, "dataset": made.dataset, "profile": made.profile,
        "verdict": made.verdict, "people": made.people,
        **{name: figures[name] for name in ("classes", "k", "alone", "l", "t") if figures.get(name) not in (None, "")},
        "asked": dict(made.thresholds or {}),
    }  # fmt: skip
    if made.release:
        facts["release"] = made.release
    context.log(tx, kind, made.release or made.id, facts | ({"by": dict(by)} if by else {}))
    return made
