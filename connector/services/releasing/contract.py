"""One contract as a release reads it: its terms, its study, its part of the source, and how records are prepared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.deidentify.profile import Profile
from connector.ports import Transaction
from connector.records import Agreement, Dataset, Release, Source, Study, Transfer
from connector.services.steward.profiles import is_own, profile_named
from contracts.messages import MessageError
from contracts.narrowing import agreed_selection
from contracts.study import StudyRequest
from contracts.terms import BoundTerms, Selection, bound_terms
from policy.decision import Action
from policy.instants import day
from policy.odrl import CompiledPolicy, PolicyError, compiled
from policy.residual import ALLOW_NOTHING, Residual, Scope


@dataclass(frozen=True, slots=True)
class Contract:
    """What is agreed, read once per release. Whatever cannot be read is None or allows nothing, and then denies.

    `text` is the profile itself where it is one of our own, `release` the FHIR release its source's records are in.
    `belongs` says what of the source is part of the dataset, `selected` what of that the study asks for.
    `telling_gone`: what is asked is whether somebody may be told of as gone, so that it does not stop that when their
    own record was deleted at the source. `broad_consent`: the steward lets the study rest on consents that the source
    holds.
    """

    transfer: str
    agreement: Agreement
    dataset: str
    source: str
    recipient: str
    action: Action
    policy: CompiledPolicy | None
    terms: BoundTerms
    purposes: tuple[str, ...]
    approved: bool
    profile: Profile | None
    selection: Selection | None
    belongs: Residual
    selected: Residual
    broad_consent: bool = False
    text: str = ""
    release: str = "R4"
    telling_gone: bool = False

    @property
    def study(self) -> str:
        """The study's id; empty when the contract names none."""
        return self.terms.study or ""

    @property
    def profile_name(self) -> str | None:
        """The profile that will really be applied, as contracts name it (`name:digest`)."""
        return f"{self.profile.name}:{self.profile.digest}" if self.profile else None


def read_contract(tx: Transaction, transfer: Transfer, agreement: Agreement) -> Contract:
    """Read everything a release rests on."""
    return contract_of(tx, agreement, transfer.kind, transfer.pid)


def contract_of(tx: Transaction, agreement: Agreement, kind: str, transfer: str = "") -> Contract:
    """Read everything that a release of this kind (records or stream) under an agreement would rest on."""
    dataset = tx.get(Dataset, agreement.dataset)
    terms = _terms(agreement)
    study = tx.get(Study, terms.study) if terms.study else None
    document = StudyRequest.read(study.document) if study is not None and study.document else None
    # The narrowed selection travels beside the terms, which name its digest; it never gets beyond the study's own.
    selection = agreed_selection(document, agreement.dataset, agreement.policy or {}, agreement.selection)
    approved = _approved(study, document, terms, agreement)
    source = tx.get(Source, dataset.source) if dataset else None
    records = source.release if source is not None else "R4"
    profile = profile_named(tx, agreement.profile, records)
    return Contract(
        transfer=transfer, agreement=agreement, dataset=agreement.dataset, source=dataset.source if dataset else "",
        recipient=agreement.counterparty, action=Action.STREAM if kind == "stream" else Action.RELEASE,
        policy=_policy(agreement), terms=terms, purposes=tuple((agreement.purposes or {}).get("purposes", ())),
        approved=approved, profile=profile, selection=selection, belongs=_belongs(dataset),
        selected=_selected(agreement.dataset, selection), broad_consent=approved and _broad(study),
        text=profile.text if profile is not None and is_own(profile) else "",
        release=records,
    )  # fmt: skip


def contract_under(tx: Transaction, release: Release) -> Contract | None:
    """What a release rests on, None where its transfer or agreement is gone."""
    transfer, agreement = tx.get(Transfer, release.transfer), tx.get(Agreement, release.agreement)
    return read_contract(tx, transfer, agreement) if transfer and agreement else None


def unchanged(tx: Transaction, contract: Contract) -> bool:
    """Whether dataset and study still stand as they did when the contract was read; looked at for every chunk."""
    study = tx.get(Study, contract.terms.study) if contract.terms.study else None
    return _belongs(tx.get(Dataset, contract.dataset)) == contract.belongs and (
        not contract.approved or (_as_cited(study, contract.terms) and _broad(study) == contract.broad_consent)
    )


def _policy(agreement: Agreement) -> CompiledPolicy | None:
    try:
        return compiled(agreement.policy or {})
    except PolicyError:
        return None


def _terms(agreement: Agreement) -> BoundTerms:
    try:
        return bound_terms(dict(agreement.policy or {}))
    except MessageError:
        return BoundTerms()


def _approved(study: Study | None, document: StudyRequest | None, terms: BoundTerms, agreement: Agreement) -> bool:
    """Our steward approved exactly the study the contract cites, and it is about this dataset and this recipient."""
    return (
        document is not None
        and _as_cited(study, terms)
        and agreement.counterparty in document.recipients
        and any(entry.dataset == agreement.dataset for entry in document.data)
    )


def _broad(study: Study | None) -> bool:
    return study is not None and study.broad_consent


def _as_cited(study: Study | None, terms: BoundTerms) -> bool:
    return study is not None and study.standing == "approved" and study.digest == terms.study_digest


def _belongs(dataset: Dataset | None) -> Residual:
    """Only the categories the steward published; a description that names none, or a withdrawn one, covers nothing."""
    described: Mapping[str, Any] = (dataset.description or {}) if dataset else {}
    categories = described.get("categories")
    if dataset is None or dataset.standing != "published" or not isinstance(categories, (list, tuple)):
        return ALLOW_NOTHING
    return Residual.of([Scope(dataset.id, tuple(sorted(map(str, categories))), None, None)])


def _selected(dataset: str, selection: Selection | None) -> Residual:
    if selection is None or selection.cohort is not None:
        return ALLOW_NOTHING
    period = selection.period
    start, end = (period.start, period.end) if period else (None, None)
    kinds = None if selection.variables is None else tuple(sorted(selection.variables))
    return Residual.of([Scope(dataset, kinds, _day(start), _day(end))])


def _day(value: Any) -> Any:
    return day(value) if isinstance(value, str) else value
