"""Who was released on a consent that the source holds: when it says yes no more, their recipients are told.

Asked in the transaction that changes what the source says of a person, by an import or by the data protection officer.
Where a consent is a no now, or is gone, the notice is a stop, or asks to erase where the contract owes that on a
withdrawal. Where nobody can tell what it says, it is a pause, which is over as soon as the source says yes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from connector.ports import Transaction
from connector.records import Agreement, Consent, HandedOver, Link, Notice, Release, SourceConsent
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange.withdrawal import Stopping, Word
from connector.services.releasing.contract import contract_of
from connector.services.releasing.deciding import known_of, portions, question_of, shared_facts
from contracts.exchange import Ending
from policy.consent import State
from policy.consent_gate import ask_person
from policy.decision import Outcome
from policy.gate import Answer

_NO_WORD = (str(State.DRAFT), str(State.REQUESTED), str(State.DEFERRED))
"""States of a person's own consent to a study that say neither yes nor no."""


class BroadStops:
    """Tells recipients of people who were released on broad consent."""

    def __init__(self, context: Context, stopping: Stopping) -> None:
        self._context = context
        self._stopping = stopping

    def heard(self, tx: Transaction, changed: Iterable[SourceConsent]) -> None:
        """These versions say something new, or say nothing any more, of the people they name."""
        by_person = {row.person: row for row in changed}
        for people in portions(sorted(by_person)):
            for handed in tx.find(HandedOver, person=list(people)):
                if not _has_own_word(tx, handed):
                    self._one(tx, handed, by_person[handed.person])

    def _one(self, tx: Transaction, handed: HandedOver, changed: SourceConsent) -> None:
        agreement = tx.get(Agreement, handed.agreement)
        if agreement is None:
            return
        said, name = self._asked(tx, agreement, handed), f"source:{changed.source}/{changed.id}"
        if said.outcome is Outcome.PERMIT:
            self._stopping.go_on(tx, _pauses(tx, handed), name)
        else:
            kind = Ending.PAUSE if _is_unclear(said) else _kind_under(agreement)
            self._stopping.tell(tx, handed, Word(name, changed.version, handed.study, kind))

    def _asked(self, tx: Transaction, agreement: Agreement, handed: HandedOver) -> Answer:
        """What the consents of the source say now to what was released, whatever else bars it today."""
        context, now = self._context, self._context.clock()
        release = tx.get(Release, handed.release)
        contract = contract_of(tx, agreement, release.kind if release else "records")
        shared = replace(shared_facts(tx, context, contract, now), broad_consent=True)
        [(_, _, known)] = known_of(tx, context, contract, [handed.person], now)
        return ask_person(question_of(contract, now), known.facts(shared))


def _has_own_word(tx: Transaction, handed: HandedOver) -> bool:
    """Whether the person said yes or no to the study itself: then that decides, and they stop it there."""
    links = [one.id for one in tx.find(Link, person=handed.person, standing=["active", "disputed"])]
    mine: Sequence[Consent] = tx.find(Consent, link=links, study=handed.study, current=True) if links else []
    return any(one.state not in _NO_WORD for one in mine)


def _is_unclear(said: Answer) -> bool:
    """Whether nothing worse is known than that something cannot be read or relied on."""
    codes = {one.code for one in said.because}
    return "directive-unreadable" in codes and "directive-denies" not in codes


def _pauses(tx: Transaction, handed: HandedOver) -> list[Notice]:
    """The pauses that an unclear consent of the source brought about."""
    found = tx.find(Notice, person=handed.person, agreement=handed.agreement, kind="pause", lifted_at=None)
    return [one for one in found if one.consent.startswith("source:")]


def _kind_under(agreement: Agreement) -> Ending:
    owes = any(duty.key == "erase-on-withdrawal" for duty in occasions.owed_under(agreement.policy))
    return Ending.ERASE if owes else Ending.STOP
