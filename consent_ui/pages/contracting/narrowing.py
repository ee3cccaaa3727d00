"""One form for making terms narrower, wherever that is done: a counter-offer of either side, a proposal, a first offer.

The choices are those of the terms as they stand. What is left empty stays. The form says early what cannot be; the
service judges, and its refusal stands on the field it names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from starlette.responses import Response

from connector.problems import Problem
from connector.services.contracting import NarrowingDraft, Standing
from consent_ui import choices, words
from consent_ui.forms import Form
from consent_ui.risks import RISKS, chosen_risk, risk_changes, risk_fields
from consent_ui.session import TOKEN_FIELD
from consent_ui.times import LABELS, TIMES, chosen_times, time_changes
from consent_ui.visit import Visit, go
from policy.purposes import covered_by_any

TIMED = tuple(f"time-{name}" for name in TIMES)
RISKED = tuple(f"risk-{name}" for name in RISKS)
FIELDS = ("purposes", "until", "categories", "recipients", "records_from", "records_until", "reason", *TIMED, *RISKED)
FIELD_OF = {"data": "categories", "terms": "until", "purpose": "purposes"} | {name: f"time-{name}" for name in TIMES}
FIELD_OF |= {name: f"risk-{name}" for name in RISKS}
"""Where a service's refusal stands when the service names it otherwise than the form."""
BY_POLICY = ("policy-refuses", "not-permitted")
"""Codes of a refusal by our own policy: other terms on the form may mend it."""
LONGEST_REASON = 2000
CHANGED = "changed"
"""What an address says after a form was sent whose terms do not stand any more."""
TERMS_CHANGED = "The terms have changed since you read them, and nothing was done. Read them again, then answer"
NOTHING_NARROWER = "Nothing here is narrower than the terms as they stand. Change at least one of them"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One use of the form: its words, its address (`/check` and `/send` below it), and the terms to start from."""

    title: str
    lead: str
    address: str
    back: str
    back_words: str
    send: str
    standing: Standing
    sent_to: str
    terms: str = ""
    """The digest of the terms to start from; what is sent is an answer to exactly these. Empty: it is no answer."""
    reason: bool = False
    empty_is_fine: bool = False
    query: str = ""
    """What the address carries besides, from its question mark on."""


def is_overtaken(visit: Visit, sheet: Sheet) -> bool:
    """Whether other terms stand than the visitor read: those that the form names, or at first its address."""
    if not sheet.terms:
        return False
    if visit.request.method == "POST":
        return visit.form.text("terms") != sheet.terms
    return visit.request.query_params.get("terms", sheet.terms) != sheet.terms


def overtaken(sheet: Sheet) -> Response:
    """Back to the page with the terms as they stand now."""
    return go(f"{sheet.back}?said={CHANGED}")


def mark_changed(visit: Visit, terms: str) -> None:
    """Refuse an answer to other terms than those that stand; it has to be chosen anew, the rest stays as typed."""
    if visit.request.method == "POST" and visit.form.text("terms") != terms:
        visit.form.fields.pop("decision", None)
        visit.form.errors = {"decision": TERMS_CHANGED}


class Changed(NamedTuple):
    """One term before and after, in words."""

    label: str
    before: str
    after: str


def purposes(standing: Standing) -> list[choices.Choice]:
    """The purposes to choose from: those that stand, and the narrower ones we know within them."""
    named = [iri for iri, _ in standing.purposes]
    if not named:
        return choices.purposes()
    within = [iri for iri, _ in choices.purposes() if covered_by_any(named, iri) is True]
    return [(iri, choices.purpose_words(iri)) for iri in dict.fromkeys([*named, *within])]


def form_page(visit: Visit, sheet: Sheet) -> Response:
    """The form, with its errors if any."""
    if is_overtaken(visit, sheet):
        return overtaken(sheet)
    return visit.page(
        "contracting/narrow.html",
        400 if visit.form.errors else 200,
        sheet=sheet,
        purposes=_plain(purposes(sheet.standing)),
        categories=_plain(sheet.standing.categories),
        recipients=_plain(sheet.standing.recipients),
        times=[(f"time-{name}", LABELS[name], offered) for name, offered in TIMES.items()],
        risks=risk_fields(),
    )


def _plain(options: list[choices.Choice]) -> list[tuple[str, str, str]]:
    """Choices without a sentence under each."""
    return [(value, label, "") for value, label in options]


def check_page(visit: Visit, sheet: Sheet) -> Response:
    """What would change, before it is sent; the form again when something is wrong."""
    draft = read(visit, sheet)
    if draft is None or is_overtaken(visit, sheet):
        return form_page(visit, sheet)
    return visit.page(
        "contracting/narrow_check.html",
        sheet=sheet,
        changes=changes(draft, sheet.standing),
        reason=visit.form.text("reason"),
        carried=visit.form.hidden(TOKEN_FIELD),
    )


def refused(visit: Visit, sheet: Sheet, problem: Problem) -> Response:
    """The form with the service's refusal on the field it is about, and what would be right."""
    if problem.code == "terms-changed":
        return overtaken(sheet)
    by_policy = problem.code in BY_POLICY
    if problem.status not in (400, 422) and not by_policy:
        raise problem
    named = problem.where or ""
    where = FIELD_OF.get(named, named)
    sentence = words.dated((problem.detail or problem.title).rstrip("."))
    if by_policy:
        sentence = f"Your own rules do not allow these terms: {sentence}"
    visit.form.refuse(where if where in FIELDS else "until", sentence + _right(problem))
    return form_page(visit, sheet)


def _right(problem: Problem) -> str:
    """What would be accepted; nothing where that is said in identifiers, which say nothing to people."""
    accepted = problem.accepted or ""
    return f". What would be right: {words.dated(accepted)}" if accepted and ":" not in accepted else ""


def read(visit: Visit, sheet: Sheet) -> NarrowingDraft | None:
    """The narrower terms that the form describes; None when something is wrong, with a sentence on each field."""
    form, standing = visit.form, sheet.standing
    draft = NarrowingDraft(
        purposes=_ticked(form, "purposes", purposes(standing), standing.purposes),
        until=_end(form, standing, visit.now.date()),
        categories=_ticked(form, "categories", standing.categories, standing.categories),
        recipients=_ticked(form, "recipients", standing.recipients, standing.recipients),
        records_from=_first_day(form, standing),
        records_until=_last_day(form, standing),
        times=chosen_times(form),
        risk=chosen_risk(form),
    )
    if draft.records_from and draft.records_until and draft.records_until < draft.records_from:
        form.refuse("records_until", "This day is before the first day. Change one of them")
    if len(form.text("reason")) > LONGEST_REASON:
        form.refuse("reason", f"Use at most {LONGEST_REASON} characters for the reason")
    if draft == NarrowingDraft() and not form.errors and not sheet.empty_is_fine:
        form.refuse("until", NOTHING_NARROWER)
    return None if form.errors else draft


def _ticked(form: Form, name: str, offered: Iterable[choices.Choice], standing: list[choices.Choice]) -> list[str]:
    """What was ticked, in the order offered; nothing when that is exactly what stands already."""
    chosen = [value for value, _ in offered if form.has(name, value)]
    return [] if set(chosen) == {value for value, _ in standing} else chosen


def _end(form: Form, standing: Standing, today: date) -> date | None:
    end = form.day("until", "", needed=False)
    if end and end <= today:
        form.refuse("until", "Choose a day in the future")
    elif end and standing.until and end > standing.until:
        form.refuse("until", f"Choose {words.day(standing.until)} or an earlier day: the contract may not run longer")
    return None if end == standing.until else end


def _first_day(form: Form, standing: Standing) -> date | None:
    first = form.day("records_from", "", needed=False)
    if first and standing.records_from and first < standing.records_from:
        form.refuse("records_from", f"Choose {words.day(standing.records_from)} or a later day")
    return None if first == standing.records_from else first


def _last_day(form: Form, standing: Standing) -> date | None:
    last = form.day("records_until", "", needed=False)
    if last and standing.records_until and last > standing.records_until:
        form.refuse("records_until", f"Choose {words.day(standing.records_until)} or an earlier day")
    return None if last == standing.records_until else last


def changes(draft: NarrowingDraft, standing: Standing) -> list[Changed]:
    """What the draft makes narrower, term by term; a term that stays is not named."""
    start, end = draft.records_from or standing.records_from, draft.records_until or standing.records_until
    made = (
        (draft.purposes, "Purpose", _purposes([iri for iri, _ in standing.purposes]), _purposes(draft.purposes)),
        (draft.until, "The contract ends", words.day(standing.until) or "No end date", words.day(draft.until)),
        (draft.categories, "Kinds of data", words.series(label for _, label in standing.categories),
         _labels(draft.categories, standing.categories)),
        (draft.recipients, "Who may receive it", words.listing((name for _, name in standing.recipients), "or"),
         _labels(draft.recipients, standing.recipients)),
        (draft.records_from or draft.records_until, "Dates of the records",
         words.top(words.between(standing.records_from, standing.records_until)), words.top(words.between(start, end))),
    )  # fmt: skip
    times = [Changed(label, "As it stands, or longer", within) for label, within in time_changes(draft.times)]
    risks = [Changed(label, "As it stands, or less strict", answer) for label, answer in risk_changes(draft.risk)]
    return [*(Changed(label, before, after) for changed, label, before, after in made if changed), *times, *risks]


def _purposes(iris: list[str]) -> str:
    return words.series(choices.purpose_words(iri) for iri in iris) or "Any purpose"


def _labels(values: list[str], options: list[choices.Choice]) -> str:
    return words.series(dict(options)[value] for value in values)
