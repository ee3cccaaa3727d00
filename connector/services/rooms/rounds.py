"""The offers of a negotiation as people read them: what each says, and how it differs from the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.records import CatalogueOffer, Dataset, Negotiation, Study
from connector.services.rooms import fitting
from connector.services.rooms.names import moment, sentences
from connector.services.rooms.views import Fit, Round, TermDifference
from contracts.faults import MessageError
from contracts.narrowing import agreed_selection, selection_differences, selection_sentences
from contracts.study import StudyRequest
from contracts.terms import Selection
from policy.odrl import PolicyError
from policy.odrl.differences import differences

_SELECTION = "selection"


@dataclass(frozen=True, slots=True)
class _Said:
    """One set of terms with its selection; `known` is False where the selection is one we never saw."""

    policy: Mapping[str, Any]
    selection: Selection | None
    known: bool


def rounds(tx: Transaction, process: Negotiation, names: Mapping[str, str]) -> list[Round]:
    """Every offer so far, oldest first; `names` says who the provider and the consumer are."""
    study = _study(tx, process)
    before, made = published(tx, process), []
    for one in (process.offers or {}).get("offers", []):
        said = _said(process, study, one["policy"], one.get("selection"))
        made.append(
            Round(
                one["by"], names.get(one["by"], one["by"]), one["by"] == process.role,
                datetime.fromisoformat(one["at"]) if one.get("at") else moment(process.created_at), terms_said(said),
                compared(before, said) if before is not None else [],
            )
        )  # fmt: skip
        before = said
    return made


def from_catalogue(tx: Transaction, process: Negotiation) -> list[TermDifference] | None:
    """How the terms that stand differ from the published offer; None where that is not known here."""
    offer = published(tx, process)
    return compared(offer, standing(tx, process)) if offer is not None and process.offer else None


def fit(tx: Transaction, process: Negotiation) -> Fit | None:
    """Whether the newest offer and the newest request can both be kept; None where one of them is not known here."""
    study, said = _study(tx, process), {"provider": published(tx, process), "consumer": standing(tx, process)}
    for one in (process.offers or {}).get("offers", []):
        said[one["by"]] = _said(process, study, one["policy"], one.get("selection"))
    offer, request = said["provider"], said["consumer"]
    if offer is None or request is None or not request.policy:
        return None
    return fitting.fit(offer.policy, request.policy, offer.selection, request.selection)


def standing_sentences(tx: Transaction, process: Negotiation) -> list[str]:
    """The terms that stand, as people read them."""
    return terms_said(standing(tx, process))


def standing(tx: Transaction, process: Negotiation) -> _Said:
    """The terms that stand now."""
    return _said(process, _study(tx, process), process.offer or {}, process.selection)


def published(tx: Transaction, process: Negotiation) -> _Said | None:
    """The offer of the catalogue: our own dataset's, or the one that was there when we asked."""
    if process.role == "provider":
        dataset = tx.get(Dataset, process.dataset)
        return _Said(dataset.offer, None, True) if dataset is not None and dataset.offer else None
    first = next((one["policy"] for one in (process.offers or {}).get("offers", [])), process.offer) or {}
    kept = tx.get(CatalogueOffer, process.counterparty, str(first.get("@id")))
    return _Said(kept.policy, None, True) if kept is not None and kept.policy else None


def terms_said(said: _Said) -> list[str]:
    """Terms as sentences, the selection among them."""
    return [*sentences(said.policy), *(selection_sentences(said.selection) if said.known else [])]


def compared(before: _Said, after: _Said) -> list[TermDifference]:
    """What differs. The digest of a selection says nothing to people, so its content stands for it where known."""
    try:
        found = differences(before.policy, after.policy)
    except PolicyError:
        return []
    if not (before.known and after.known):
        return found
    plain = [one for one in found if one.term != _SELECTION]
    return [*plain, *selection_differences(before.selection, after.selection)]


def _said(
    process: Negotiation, study: StudyRequest | None, policy: Mapping[str, Any], carried: Mapping[str, Any] | None
) -> _Said:
    selection = agreed_selection(study, process.dataset, policy, carried)
    if selection is None and carried is not None:
        selection = _read(carried)
    return _Said(policy, selection, selection is not None or study is None)


def _read(carried: Mapping[str, Any]) -> Selection | None:
    try:
        return Selection.read(dict(carried))
    except MessageError:
        return None


def _study(tx: Transaction, process: Negotiation) -> StudyRequest | None:
    found = tx.get(Study, process.study) if process.study else None
    return StudyRequest.read(found.document) if found is not None and found.document else None
