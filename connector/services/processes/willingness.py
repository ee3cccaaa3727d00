"""Whether a requested contract is wanted (by `policy.decide`), and how a consumer words its own request."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any, cast

from connector.ports import Transaction
from connector.problems import invalid
from connector.records import Dataset, Negotiation, Study
from connector.services.context import Context
from contracts.study import StudyRequest, study_digest
from contracts.terms import BoundTerms, Selection, requested_purposes, with_terms
from policy.canonical import Json
from policy.decide import decide
from policy.decision import Action, Decision, Outcome, Regime
from policy.facts import Facts, Question
from policy.odrl import PolicyError, compiled, terms
from policy.odrl import vocabulary as v
from policy.purposes import covered_by_any
from policy.reasons import reason

EXECUTORS = frozenset({"pseudonymise", "erase-on-withdrawal"})
"""Duties this connector carries out: the first in the release pipeline, the second by the recipient, told by us."""


def selection_of(study: StudyRequest, dataset: str) -> Selection:
    """Which part of a dataset a study asks for: the same at both sides, since both hold the signed study."""
    asked = next((entry for entry in study.data if entry.dataset == dataset), None)
    return Selection(cohort=None, variables=asked.categories if asked else None, period=study.window)


class Willingness:
    """Judges requests (provider) and words them (consumer)."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def decide(self, process: Negotiation) -> Decision:
        """May we agree to what this negotiation requests, now?"""
        dataset, study = await self._context.store.read(lambda tx: self._known(tx, process))
        if dataset is None or dataset.offer is None or process.offer is None:
            return Decision(Outcome.DENY, (reason("no-contract"),))
        try:
            offer, asked = compiled(dataset.offer), compiled(process.offer)
        except PolicyError:
            return Decision(Outcome.INDETERMINATE, (reason("policy-not-understood"),))
        document = StudyRequest.read(study.document) if study is not None else None
        question = Question(
            regime=Regime.CONSENT, action=Action.NEGOTIATE, now=self._context.clock(), requester=process.counterparty,
            dataset=dataset.id, purposes=requested_purposes(process.offer), study=study.id if study else None,
            study_digest=study.digest if study else None, profile=dataset.profile,
            selection=selection_of(document, dataset.id).digest if document else None,
        )  # fmt: skip
        facts = Facts(
            policy=asked, offer=offer, holder=self._context.me.id, executors=EXECUTORS,
            study_approved=self._covers(study, document, process, dataset),
        )  # fmt: skip
        return decide(question, facts)

    @staticmethod
    def _known(tx: Transaction, process: Negotiation) -> tuple[Dataset | None, Study | None]:
        return tx.get(Dataset, process.dataset), tx.get(Study, process.study) if process.study else None

    @staticmethod
    def _covers(study: Study | None, document: StudyRequest | None, process: Negotiation, dataset: Dataset) -> bool:
        """An approved study of which the requester is a recipient, that asks for this dataset and for every purpose."""
        purposes = requested_purposes(process.offer or {})
        return (
            study is not None
            and document is not None
            and study.standing == "approved"
            and process.counterparty in document.recipients
            and any(entry.dataset == dataset.id for entry in document.data)
            and bool(purposes)
            and all(covered_by_any(document.purposes, purpose) is True for purpose in purposes)
        )

    def narrowed(
        self, offer: Mapping[str, Any], dataset: str, provider: str, study: StudyRequest, purpose: str
    ) -> dict[str, Any]:
        """The provider's offer, for this study and purpose: a consumer's request. Raises Problem 400."""
        if purpose not in study.purposes:
            raise invalid("The study request does not name this purpose", "purpose", "one of the study's purposes")
        asked = deepcopy(dict(offer))
        for permission in asked.get("permission", []):
            others = [one for one in permission.get("constraint", []) if not _is_purpose(one)]
            mine = {"leftOperand": "purpose", "operator": "isA", "rightOperand": purpose}
            permission["constraint"] = [mine, *others]
        asked |= {"target": dataset, "assigner": provider, "assignee": self._context.me.id}
        bound = BoundTerms(
            study=study.id, study_digest=study_digest(study), selection=selection_of(study, dataset).digest
        )
        try:
            return with_terms(asked, bound)
        except ValueError as fault:
            raise invalid(str(fault), "offer") from None

    @staticmethod
    def ends(policy: Mapping[str, Any]) -> datetime | None:
        """The instant at which a policy's own time limit ends, None without one."""
        try:
            return terms(compiled(cast("Mapping[str, Json]", policy)).policy).until
        except PolicyError:
            return None


def _is_purpose(constraint: Mapping[str, Any]) -> bool:
    left = constraint.get("leftOperand")
    return isinstance(left, str) and v.expand_odrl(left) == v.PURPOSE
