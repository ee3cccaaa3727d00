"""Renewing a yes: the same words, the same data, a later end. Changed words are a new question, never a renewal.

A yes that ends before its study can be renewed while it is in force. The person is reminded 90, 30 and 7 days before;
whoever says nothing lets it end.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict
from connector.records import WalletConsent, WalletLink
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet.answering import end_of, shown_study
from connector.services.wallet.speaking import GIVING, Speaker, check_own_no, check_yes, disagreement, speaker_in
from connector.services.wallet.versions import Versions
from connector.services.wallet.views import Answer
from contracts.study import StudyRequest, study_digest
from policy.consent import ConsentRecord, EffectiveState, effective_state

REMINDERS = (90, 30, 7)
"""Days before the end of a yes on which the person is reminded."""
_IN_FORCE = frozenset({EffectiveState.GIVEN, EffectiveState.RENEWED})


def reminder(until: datetime, now: datetime) -> int | None:
    """The latest reminder that fell due before `until`: 90, 30 or 7; None before the first and after the end."""
    due = [days for days in REMINDERS if until - timedelta(days=days) <= now < until]
    return min(due, default=None)


def renewable(consent: WalletConsent, study: StudyRequest, now: datetime) -> bool:
    """Whether this version can be renewed: in force, under today's words, and ending before its study does."""
    record = ConsentRecord.from_json(consent.record)
    same = record.study_digest == study_digest(study) == record.words.digest
    return same and effective_state(record, now) in _IN_FORCE and record.valid_until < study.valid_until


class Renewals:
    """Renews on behalf of the person who is signed in, or of one they act for."""

    def __init__(self, context: Context, versions: Versions) -> None:
        self._context = context
        self._versions = versions

    async def renew(self, actor: Actor, study_id: str, until: date | None = None) -> str:
        """Extend every yes to this study to `until` (None: to the study's end). Returns a consent's id.

        Raises Problem 400, 403, 404, and 409 when there is nothing to renew or the words have changed.
        """
        require(actor, "patient")

        def command(tx: Transaction) -> str:
            now = self._context.clock()
            speaker = speaker_in(tx, actor, now, study_id)
            study = shown_study(tx, study_id)
            mine = tx.find(WalletConsent, account=speaker.account, study=study_id, current=True)
            fitting = [one for one in mine if one.state in GIVING and renewable(one, study, now)]
            if not fitting:
                raise conflict(
                    "There is no yes of yours to this study that can be extended",
                    accepted="a new answer to the study",
                )
            check_yes(tx, speaker, study_id, now)
            ends = end_of(study, Answer("yes", until=until), now)
            extended = [self._extend(tx, speaker, study, one, ends) for one in fitting]
            return extended[0]

        return await self._context.store.write(command)

    def _extend(
        self, tx: Transaction, speaker: Speaker, study: StudyRequest, before: WalletConsent, ends: datetime
    ) -> str:
        record: dict[str, Any] = before.record or {}
        link = tx.get(WalletLink, before.link)
        if link is None or link.standing != "active":
            raise conflict("The link to this place has changed. Answer the study again")
        check_own_no(tx, link, speaker, study.id)
        if ends <= ConsentRecord.from_json(record).valid_until:
            raise conflict("That is not longer than your yes lasts now", accepted="a later day")
        rests = disagreement(tx, speaker, link, study.id, "yes", self._context.clock())
        says = {"data": record["data"], "window": record["window"], "valid_until": ends}
        says["linkage"] = record.get("linkage", False)
        state, says = ("suspended", {}) if rests else ("renewed", says)
        claims = self._versions.claims(study, link, state, speaker, before, **says)
        return self._versions.keep(tx, speaker, link, claims, before, wish="yes")
