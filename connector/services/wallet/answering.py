"""Answering a study: yes, no or later, signed with the person's own key and delivered to each holder."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from connector.ports import Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Study, StudyDecision, WalletConsent, WalletLink
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet.speaking import (
    GIVING,
    Speaker,
    check_no,
    check_own_no,
    check_yes,
    disagreement,
    speaker_in,
)
from connector.services.wallet.versions import Versions, newest
from connector.services.wallet.views import Answer
from contracts.study import RequestedData, StudyRequest
from policy.consent import ConsentRecord, EffectiveState, effective_state

DECISIONS = ("yes", "no", "later")
_OPEN = frozenset({"draft", "requested", "deferred"})
_RESTING = frozenset({"suspended"})


class Answering:
    """Gives, refuses and puts off consents on behalf of the person who is signed in, or of one they act for."""

    def __init__(self, context: Context, versions: Versions) -> None:
        self._context = context
        self._versions = versions

    async def answer(
        self, actor: Actor, study_id: str, answer: Answer, *, account: str | None = None, authority: str | None = None
    ) -> str:
        """Record and send an answer; returns the id of the (first) consent, which is the receipt's number.

        With `account` and `authority` staff record what a proxy answers; it is recorded and shown as such. Raises
        Problem 400, 403, 404, 409.
        """
        require(actor, "operator" if account else "patient")
        if account and not authority:
            raise invalid(
                "Whoever answers for somebody else needs an authority", "authority", "a parent, a guardian, ..."
            )
        if answer.decision not in DECISIONS:
            raise invalid("The answer is neither yes nor no", "decision", "yes, no or later")

        def command(tx: Transaction) -> str:
            speaker = speaker_in(tx, actor, self._context.clock(), study_id, account, authority)
            study, links = self._situation(tx, speaker.account, study_id)
            self._check(tx, speaker, study_id, answer)
            sent = [
                self._record(tx, study, links[holder], data, answer, speaker)
                for holder, data in by_holder(study).items()
                if holder in links
            ]
            if not sent:
                raise conflict(
                    "Nothing of yours is asked for by this study", accepted="a link to a holder of the study"
                )
            return sent[0]

        return await self._context.store.write(command)

    def _check(self, tx: Transaction, speaker: Speaker, study: str, answer: Answer) -> None:
        now = self._context.clock()
        if answer.decision == "yes":
            check_yes(tx, speaker, study, now)
        elif answer.decision == "no":
            check_no(tx, speaker, now)

    def _situation(self, tx: Transaction, account: str, study_id: str) -> tuple[StudyRequest, dict[str, WalletLink]]:
        study, now = shown_study(tx, study_id), self._context.clock()
        if study.answer_until <= now and not asked_again(tx, account, study_id, now):
            raise conflict("This study takes no more answers")
        approved = {decision.holder for decision in tx.find(StudyDecision, study=study_id, answer="approved")}
        links = {link.holder: link for link in tx.find(WalletLink, account=account, standing="active")}
        return study, {holder: link for holder, link in links.items() if holder in approved}

    def _record(
        self, tx: Transaction, study: StudyRequest, link: WalletLink, asked: list[RequestedData], answer: Answer,
        speaker: Speaker,
    ) -> str:  # fmt: skip
        """One holder's part of an answer. A yes to nothing of this holder is a no to it."""
        before = newest(tx, link, study.id)
        if answer.decision == "later":
            return self._put_off(tx, study, link, answer, speaker, before)
        data = [
            {"dataset": one.dataset, "categories": agreed_kinds(one, answer.datasets[one.dataset])}
            for one in asked
            if answer.decision == "yes" and one.dataset in answer.datasets
        ]
        wish = "yes" if data else "no"
        if data:
            check_own_no(tx, link, speaker, study.id)
        rests = disagreement(tx, speaker, link, study.id, wish, self._context.clock())
        state = _state(before, speaker, wish, rests)
        if before is not None and state not in GIVING and _says_the_same(before, state, speaker, wish):
            return before.id
        says = self._said(study, answer, data, state, before)
        claims = self._versions.claims(study, link, state, speaker, before, **says)
        return self._versions.keep(tx, speaker, link, claims, before, wish=wish)

    def _said(
        self, study: StudyRequest, answer: Answer, data: list[dict[str, Any]], state: str, before: WalletConsent | None
    ) -> dict[str, Any]:
        if state in GIVING:
            until = end_of(study, answer, self._context.clock())
            window, linkage = agreed_window(study, answer), study.linking and answer.linkage
            return {"data": data, "window": window, "valid_until": until, "linkage": linkage}
        again = before is not None and before.state == state == "withdrawn"
        return {"on_withdrawal": (before.record or {}).get("on_withdrawal")} if before is not None and again else {}

    def _put_off(
        self, tx: Transaction, study: StudyRequest, link: WalletLink, answer: Answer, speaker: Speaker,
        before: WalletConsent | None,
    ) -> str:  # fmt: skip
        """Ask me later: recorded with the day from which the question waits again (`valid_until` of the record)."""
        if before is not None and before.state not in _OPEN | {"refused"}:
            raise conflict("You have answered this study. You can change your answer or stop", accepted="yes or no")
        now = self._context.clock()
        if answer.again is None or answer.again <= now.date():
            raise invalid("Choose a day after today", "again", "a day on which to be asked again")
        comes = min(datetime.combine(answer.again, time(), UTC), study.answer_until)
        claims = self._versions.claims(study, link, "deferred", speaker, before, valid_until=comes)
        return self._versions.keep(tx, speaker, link, claims, before)


def shown_study(tx: Transaction, study_id: str) -> StudyRequest:
    """A study that this wallet shows. Raises Problem 404."""
    found = tx.get(Study, study_id)
    if found is None or found.document is None or found.standing != "shown":
        raise missing("There is no such study request here")
    return StudyRequest.read(found.document)


def asked_again(tx: Transaction, account: str, study_id: str, now: datetime) -> str:
    """Why a study that was answered is asked again, though its time to answer may be over; empty when it is not.

    "authority-ended": who said yes for this person may not any more. "link-ended": the place had mixed up people, and
    an earlier yes does not move to the corrected link. "resting": guardians do not agree.
    """
    mine = tx.find(WalletConsent, account=account, study=study_id, current=True)
    states = {one.id: effective_state(ConsentRecord.from_json(one.record), now) for one in mine}
    if EffectiveState.AUTHORITY_ENDED in states.values():
        return "authority-ended"
    links = {one.id: one for one in tx.find(WalletLink, account=account)}
    for one in mine:
        over = one.link in links and links[one.link].standing == "ended"
        renewed = any(two.holder == one.holder and two.standing == "active" for two in links.values())
        answered = any(two.holder == one.holder and two.link != one.link for two in mine)
        if over and one.state in GIVING and renewed and not answered:
            return "link-ended"
    return "resting" if any(one.state in _RESTING and one.wish == "yes" for one in mine) else ""


def by_holder(study: StudyRequest) -> dict[str, list[RequestedData]]:
    """What a study asks of each holder."""
    found: dict[str, list[RequestedData]] = {}
    for entry in study.data:
        found.setdefault(entry.holder, []).append(entry)
    return found


def end_of(study: StudyRequest, answer: Answer, now: datetime) -> datetime:
    """When a yes ends: with the study, or after the last day that the person chose."""
    if answer.until is None:
        return study.valid_until
    if answer.until < now.date():
        raise invalid("The last day lies in the past", "last", "a day from today on")
    return min(datetime.combine(answer.until + timedelta(days=1), time(), UTC), study.valid_until)


def _state(before: WalletConsent | None, speaker: Speaker, wish: str, rests: bool) -> str:
    """The state of the version that says this wish after `before`."""
    if rests:
        return "suspended"
    if wish == "yes":
        return "given"
    if before is None or before.state in _OPEN | {"refused"}:
        return "refused"
    if before.state in GIVING | _RESTING:
        return "suspended" if speaker.weak else "withdrawn"
    return before.state


def _says_the_same(before: WalletConsent, state: str, speaker: Speaker, wish: str) -> bool:
    """Whether the version would add nothing: the same state, said by the same, who wants the same."""
    signer = (before.record or {}).get("signer") or {}
    same = (signer.get("kind"), signer.get("record") or "") == (speaker.signer["kind"], speaker.authority)
    return same and before.state == state and before.wish in ("", wish)


def agreed_kinds(asked: RequestedData, chosen: list[str] | None) -> list[str] | None:
    """What was chosen of what was asked: a consent never covers more than the study asks for."""
    if chosen is None:
        return list(asked.categories) if asked.categories is not None else None
    allowed = [one for one in chosen if asked.categories is None or one in asked.categories]
    if not allowed:
        raise invalid("Choose at least one kind of data, or answer no", "datasets")
    return sorted(set(allowed))


def agreed_window(study: StudyRequest, answer: Answer) -> dict[str, Any] | None:
    """The narrower of the study's dates and the person's."""
    starts = [day for day in (study.window.start if study.window else None, answer.window_start) if day]
    ends = [day for day in (study.window.end if study.window else None, answer.window_end) if day]
    if not starts and not ends:
        return None
    start, end = max(starts, default=None), min(ends, default=None)
    if start and end and start > end:
        raise invalid("The dates leave nothing to share", "window")
    return {"start": start, "end": end}
