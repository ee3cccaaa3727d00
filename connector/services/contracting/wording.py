"""How a request, an offer and a counter-offer are worded, from an offer as published, a study and what is narrowed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem, invalid
from connector.records import Negotiation, Study
from connector.services.contracting.views import NarrowingDraft
from contracts.deadlines import NAMES, Times
from contracts.faults import MessageError
from contracts.narrowing import Narrowed, Narrowing, agreed_selection, narrowed, selection_of
from contracts.risk import Thresholds, thresholds
from contracts.study import StudyRequest, study_digest
from contracts.terms import BoundTerms, Selection, with_terms
from policy.narrowing import NotNarrowerError
from policy.odrl import PolicyError
from policy.odrl import vocabulary as v


@dataclass(frozen=True, slots=True)
class Parties:
    """Between whom, and about what."""

    provider: str
    consumer: str
    dataset: str

    @property
    def named(self) -> dict[str, str]:
        """As a policy names them."""
        return {"target": self.dataset, "assigner": self.provider, "assignee": self.consumer}


def plain(offer: Mapping[str, Any], parties: Parties) -> dict[str, Any]:
    """An offer exactly as published, for these parties. No term is added: foreign connectors compare literally."""
    return deepcopy(dict(offer)) | {"@type": "Offer"} | parties.named


def for_study(offer: Mapping[str, Any], parties: Parties, study: StudyRequest, purpose: str) -> dict[str, Any]:
    """An offer as published, bound to a study and one purpose of it. Raises Problem 400."""
    if purpose not in study.purposes:
        raise invalid("The study request does not name this purpose", "purpose", "one of the study's purposes")
    chosen = selection_of(study, parties.dataset).digest
    try:
        return with_terms(
            _for_purpose(plain(offer, parties), purpose),
            BoundTerms(study=study.id, study_digest=study_digest(study), selection=chosen),
        )
    except ValueError as fault:
        raise invalid(str(fault), "offer") from None


def _for_purpose(offer: dict[str, Any], purpose: str) -> dict[str, Any]:
    """The purpose in place of those on offer. One outside them is asked for all the same: the provider says no."""
    mine = {"leftOperand": "purpose", "operator": "isA", "rightOperand": purpose}
    for permission in offer.get("permission", []):
        others = [one for one in permission.get("constraint", []) if not _is_purpose(one)]
        permission["constraint"] = [mine, *others]
    return offer


def _is_purpose(constraint: Mapping[str, Any]) -> bool:
    left = constraint.get("leftOperand")
    return isinstance(left, str) and v.expand_odrl(left) == v.PURPOSE


def narrower(tx: Transaction, process: Negotiation, draft: NarrowingDraft, now: datetime) -> Narrowed:
    """The terms that stand in a negotiation, narrowed. Raises Problem 400 naming the field that is wrong."""
    study = study_of(tx, process.study)
    standing = standing_selection(process, study)
    return narrowed_by(process.offer or {}, draft, now, standing, study)


def narrowed_by(
    policy: Mapping[str, Any],
    draft: NarrowingDraft,
    now: datetime,
    selection: Selection | None,
    study: StudyRequest | None,
) -> Narrowed:
    """A policy with what a draft says narrowed. Raises Problem 400 naming the field that is wrong."""
    wanted = Narrowing(
        purposes=tuple(draft.purposes), recipients=tuple(draft.recipients), categories=tuple(draft.categories),
        until=datetime.combine(draft.until, time(23, 59, 59), UTC) if draft.until else None,
        records_from=draft.records_from, records_until=draft.records_until, times=times_in(draft.times),
        risk=risk_in(draft.risk),
    )  # fmt: skip
    if wanted.until is not None and wanted.until <= now:
        raise invalid("The contract would have ended already", "until", "a day in the future")
    try:
        return narrowed(policy, wanted, selection, study)
    except NotNarrowerError as fault:
        raise Problem(
            400, "not-narrower", "The input cannot be accepted", str(fault), fault.where, fault.accepted
        ) from None
    except PolicyError:
        raise invalid("The terms that stand cannot be read, so they cannot be narrowed", "offer") from None


def times_in(said: Mapping[str, str]) -> Times:
    """The times of a withdrawal as somebody wrote them, by name. Raises Problem 400."""
    unknown = next((name for name in said if name not in NAMES), None)
    if unknown is not None:
        raise invalid("This is not a time of a withdrawal", "times", ", ".join(NAMES))
    return Times(**said)


def risk_in(said: Mapping[str, str]) -> Thresholds:
    """What an assessment of risk must at least find, as somebody wrote it, by name. Raises Problem 400."""
    try:
        return thresholds(said)
    except ValueError as fault:
        raise invalid(f"{fault}".capitalize(), "risk", "min_k=5, min_l=2, max_t=0.3, max_unique=0.05") from None


def standing_selection(process: Negotiation, study: StudyRequest | None) -> Selection | None:
    """The selection that stands in a negotiation; None where nothing is selected. Raises Problem 409 if unknown."""
    if study is None and process.selection is None:
        return None
    if study is not None:
        found = agreed_selection(study, process.dataset, process.offer or {}, process.selection)
        if found is not None:
            return found
    else:
        try:
            return Selection.read(process.selection)
        except MessageError:
            pass
    raise Problem(409, "selection-unknown", "The selection of data that stands is not one that is known here")


def study_of(tx: Transaction, study: str | None) -> StudyRequest | None:
    """A study request known here, None for none or one that we never saw."""
    found = tx.get(Study, study) if study else None
    return StudyRequest.read(found.document) if found is not None and found.document else None
