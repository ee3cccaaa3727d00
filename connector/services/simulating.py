"""Who could get what today: every study that asks for data of ours, answered as a release would be, without one.

For each recipient and dataset the same questions are asked that a negotiation and a release ask (`policy.decide`, over
everybody at once by `policy.population`). Nothing is kept, promised or told to anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from connector.ports import Transaction
from connector.problems import Problem, invalid
from connector.records import Agreement, Dataset, Person, Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.contracting.wording import Parties, for_study
from connector.services.processes.willingness import accepts, stops
from connector.services.releasing.contract import Contract, contract_of
from connector.services.releasing.deciding import known_of, portions, question_of, shared_facts
from connector.services.rooms.names import dataset_title, sentences
from contracts.agreement import make_agreement
from contracts.study import StudyRequest, study_digest
from contracts.terms import bound_terms
from policy.columns import Columns, columns_of
from policy.decide import decide
from policy.decision import Action, Regime
from policy.facts import Facts, Question
from policy.odrl import CompiledPolicy, compiled
from policy.population import Answers, prepare
from policy.purposes import label
from policy.would_permit import what_would_permit

_ROLES = ("steward", "dpo", "operator")
MOST = 60
"""How many cases are looked at: each asks about everybody, and studies are written by others."""

_SUPPOSED = "urn:concord:supposed"
"""The id of an agreement that is only looked at."""


@dataclass(frozen=True, slots=True)
class Held:
    """How many people are left out for one reason, in words for staff."""

    reason: str
    people: int

    @property
    def pair(self) -> tuple[str, int]:
        """As a row of a table."""
        return self.reason, self.people


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one recipient could get of one dataset today, for one study and purpose.

    `standing` is contract (one is in force), possible (our terms would be agreed to) or refused, with `causes` and all
    that would have to be otherwise (`unless`, clauses that hold together).
    `people` is everybody in the dataset, `permitted` those of whom something could leave now; `held` counts the rest.
    `if_approved` counts those of whom something could leave once the study is approved, where it is not.
    """

    recipient: str
    recipient_name: str
    dataset: str
    dataset_title: str
    study: str
    study_title: str
    purpose: str
    purpose_words: str
    standing: str
    causes: list[str]
    terms: list[str]
    people: int
    permitted: int
    held: list[Held] = field(default_factory=list)
    if_approved: int | None = None
    agreement: str = ""
    unless: list[str] = field(default_factory=list)


class Simulator:
    """The question, asked for all that is known or for one supposed case."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def today(self, actor: Actor) -> list[Outlook]:
        """Each recipient of each study that asks for data of ours, by dataset and purpose: the newest 60."""
        require(actor, *_ROLES)
        now = self._context.clock()
        return await self._context.store.read(lambda tx: list(islice(self._all(tx, now), MOST)))

    async def suppose(
        self, actor: Actor, study: str, dataset: str, recipient: str, purpose: str, at: datetime | None = None
    ) -> Outlook:
        """One case, now or at another instant. Raises Problem 400 naming what is not known here."""
        require(actor, *_ROLES)
        now = at or self._context.clock()
        return await self._context.store.read(lambda tx: self._supposed(tx, study, dataset, recipient, purpose, now))

    def _all(self, tx: Transaction, now: datetime) -> Iterator[Outlook]:
        for kept in tx.find(Study, standing=("approved", "waiting"), order="-received_at"):
            study = StudyRequest.read(kept.document or {})
            for entry in study.at(self._context.me.id):
                dataset = tx.get(Dataset, entry.dataset)
                if dataset is not None and dataset.standing == "published":
                    for recipient in study.recipients:
                        for purpose in study.purposes:
                            yield self._case(tx, dataset, study, recipient, purpose, now)

    def _supposed(
        self, tx: Transaction, study: str, dataset: str, recipient: str, purpose: str, now: datetime
    ) -> Outlook:
        kept, wanted = tx.get(Study, study), tx.get(Dataset, dataset)
        if kept is None or kept.document is None:
            raise invalid("There is no such study request here", "study", "the id of a study that asks for our data")
        if wanted is None or wanted.standing != "published":
            raise invalid("There is no such dataset in the catalogue", "dataset", "the id of a published dataset")
        return self._case(tx, wanted, StudyRequest.read(kept.document), recipient, purpose, now)

    def _case(
        self, tx: Transaction, dataset: Dataset, study: StudyRequest, recipient: str, purpose: str, now: datetime
    ) -> Outlook:
        standing = self._standing(tx, dataset, study, recipient, purpose)
        looked = Outlook(
            recipient=recipient, recipient_name=self._context.members.name_of(recipient), dataset=dataset.id,
            dataset_title=dataset_title(tx, dataset.id), study=study.id, study_title=study.title, purpose=purpose,
            purpose_words=label(purpose), standing="contract" if standing else "possible", causes=[],
            terms=sentences(dataset.offer), people=tx.count(Person, source=dataset.source), permitted=0,
        )  # fmt: skip
        if standing is not None:
            contract = contract_of(tx, standing, dataset.kind)
            return self._counted(tx, replace(looked, agreement=standing.id), contract, now)
        return self._negotiated(tx, looked, dataset, study, now)

    def _standing(
        self, tx: Transaction, dataset: Dataset, study: StudyRequest, recipient: str, purpose: str
    ) -> Agreement | None:
        found = tx.find(
            Agreement, role="provider", counterparty=recipient, dataset=dataset.id, study=study.id, standing="active"
        )
        return next((one for one in found if purpose in (one.purposes or {}).get("purposes", ())), None)

    def _negotiated(
        self, tx: Transaction, looked: Outlook, dataset: Dataset, study: StudyRequest, now: datetime
    ) -> Outlook:
        """As if the recipient asked now for our terms, bound to the study, and we were to answer."""
        parties = Parties(self._context.me.id, looked.recipient, dataset.id)
        try:
            asked = for_study(dataset.offer or {}, parties, study, looked.purpose)
            agreed = make_agreement(_SUPPOSED, asked, dataset.id, parties.provider, parties.consumer, now)
        except (Problem, ValueError) as fault:
            return replace(looked, standing="refused", causes=[str(fault)])
        contract = contract_of(tx, _agreement(agreed, looked, dataset, study), dataset.kind)
        terms = compiled(asked), compiled(dataset.offer or {})
        question, facts = self._willing(tx, terms, looked, now, contract.approved)
        answer = decide(question, facts)
        named = looked
        if not answer.permits:
            causes, unless = [cause.text for cause in answer.because], list(what_would_permit(question, facts))
            named = replace(looked, standing="refused", causes=causes, unless=unless)
        return self._counted(tx, named, contract, now)

    def _willing(
        self,
        tx: Transaction,
        terms: tuple[CompiledPolicy, CompiledPolicy],
        looked: Outlook,
        now: datetime,
        approved: bool,
    ) -> tuple[Question, Facts]:
        request, offer = terms
        accepted = accepts(tx, self._context, looked.recipient)
        question = Question(
            regime=Regime.CONSENT, action=Action.NEGOTIATE, now=now, requester=looked.recipient, dataset=looked.dataset
        )
        facts = Facts(
            policy=request, offer=offer, holder=self._context.me.id, study_approved=approved,
            executors=self._context.executors.keys, recipient=self._context.members.place_of(looked.recipient),
            asks_place=self._context.settings.ask_place,
            stops=stops(self._context, offer, request, accepted=accepted),
        )  # fmt: skip
        return question, facts

    def _counted(self, tx: Transaction, looked: Outlook, contract: Contract, now: datetime) -> Outlook:
        if looked.standing == "refused" and contract.approved:
            # The terms themselves are refused: nobody could be part of a release under them.
            return looked
        people = self._people(tx, contract, now)
        answers = self._asked(tx, contract, people, now)
        held = Counter(
            {answers.verdicts[index].reason.text: count for index, count in enumerate(answers.counts) if index}
        )
        found = replace(
            looked, people=len(people), permitted=answers.permitted,
            held=[Held(words, count) for words, count in held.most_common() if count],
        )  # fmt: skip
        if contract.approved:
            return found
        return replace(found, if_approved=self._asked(tx, replace(contract, approved=True), people, now).permitted)

    def _people(self, tx: Transaction, contract: Contract, now: datetime) -> Columns:
        everybody = [one.id for one in tx.find(Person, source=contract.source, order="id")]
        known = (
            person for some in portions(everybody) for _, _, person in known_of(tx, self._context, contract, some, now)
        )
        return columns_of(known, contract.study, self._context.me.id)

    def _asked(self, tx: Transaction, contract: Contract, people: Columns, now: datetime) -> Answers:
        question, facts = question_of(contract, now), shared_facts(tx, self._context, contract, now)
        return prepare(question, facts, contract.selected).decide(people)


def _agreement(agreed: dict[str, object], looked: Outlook, dataset: Dataset, study: StudyRequest) -> Agreement:
    terms = bound_terms(agreed)
    return Agreement(
        id=_SUPPOSED, role="provider", counterparty=looked.recipient, negotiation="", dataset=dataset.id, policy=agreed,
        study=study.id, study_digest=terms.study_digest or study_digest(study),
        purposes={"purposes": [looked.purpose]}, profile=dataset.profile,
    )  # fmt: skip
