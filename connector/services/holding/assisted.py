"""Answers that staff take down for people without a wallet: on paper, by phone, at the desk.

The person has a *desk link*: the wallet is we ourselves, so that the same records, the same chain of versions, the same
stop and the same notices serve them. Staff sign with the participant's key; what was kept of how it was said (a scan, a
recording, a protocol) lies beside it, and its digest in the record. Whoever has a wallet answers there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid, missing
from connector.records import CaptureEvidence, Consent, Link, Person, Study
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.exchange import speech
from connector.services.exchange.consents import ConsentDesk, Delivered
from connector.services.holding.desk_links import DESK, desk_link
from connector.services.holding.evidence_files import Evidence, checked
from connector.services.wallet.answering import agreed_kinds, agreed_window, end_of
from connector.services.wallet.views import Answer
from contracts.exchange import Acknowledgement
from contracts.study import StudyRequest, study_digest
from policy.authority import is_minor, of_age_at, own_no_in
from policy.consent import ALLOWING, ConsentError, ConsentRecord, State
from policy.instants import wire

INTERFACE = "desk-page/1"
LANGUAGE = "en"
CHANNELS = ("paper", "phone", "desk")
DECISIONS = ("yes", "no", "pause", "stop", "erase")
Channel = Literal["paper", "phone", "desk"]


@dataclass(frozen=True, slots=True)
class DeskAnswer:
    """What the person said. `decision`: yes (also to change what is shared), no, pause, stop or erase.

    `digest` is the study's as it was read out; `read_out` says that its words were shown or read to the person.
    `authority` is on what ground somebody else speaks for the person (a parent, a guardian); empty: they do so.
    """

    decision: str
    channel: str
    read_out: bool
    digest: str
    datasets: Mapping[str, list[str] | None] = field(default_factory=dict)
    window_start: date | None = None
    window_end: date | None = None
    until: date | None = None
    evidence: Evidence | None = None
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: the consent's number and version, its state, and how many recipients are told of a stop."""

    consent: str
    version: int
    state: str
    committed_at: datetime
    recipients: list[str]


class AssistedDesk:
    """Takes answers down."""

    def __init__(self, context: Context, consents: ConsentDesk) -> None:
        self._context = context
        self._consents = consents

    async def record(self, actor: Actor, person: str, study_id: str, answer: DeskAnswer) -> Recorded:
        """Record and commit an answer; a stop has bitten when this returns. Raises Problem 400, 404, 409."""
        require(actor, "steward", "operator")
        _check(answer)
        evidence = checked(answer.evidence) if answer.evidence else None
        link, made, study, before = await self._context.store.read(lambda tx: self._situation(tx, person, study_id))
        if answer.decision == "yes" and answer.digest != study_digest(study):
            raise conflict("The words have changed since they were read out", accepted="the words as they are now")
        if answer.decision == "yes" and link.standing == "disputed":
            raise conflict("It is being settled whose record this is", accepted="a no or a stop; a yes after that")
        signer = await self._context.store.read(lambda tx: self._signer(tx, person, before, answer))
        claims = self._claims(actor, study, link, before, answer, evidence, signer)
        jws = speech.say(self._context, speech.CONSENT, claims)
        record = ConsentRecord.from_json(claims)

        def also(tx: Transaction) -> None:
            self._keep_link(tx, actor, link, made)
            if answer.evidence and evidence:
                keep_evidence(tx, self._context, actor, person, answer.evidence)

        taken = await self._consents.take(self._myself(), Delivered(record, claims, jws, record.digest(), link), also)
        return self._recorded(taken)

    def _myself(self) -> Member:
        if self._context.members.myself is None:
            raise Problem(503, "not-introduced", "This participant does not know itself yet")
        return self._context.members.myself

    def _situation(
        self, tx: Transaction, person: str, study_id: str
    ) -> tuple[Link, bool, StudyRequest, Consent | None]:
        """The person's desk link (whether it is new), the study, and their present answer to it."""
        if tx.get(Person, person) is None:
            raise missing("There is no such person here")
        link = desk_link(tx, self._context, person)
        found = tx.find(Consent, link=link.id, study=study_id, current=True, limit=1) if link else []
        study = study_at_desk(tx, study_id, answered=bool(found))
        if link is not None:
            return link, False, study, found[0] if found else None
        made = Link(
            id=new_id(), person=person, wallet=self._context.me.id, wallet_person=person, made_by=DESK,
            linked_at=self._context.clock(),
        )  # fmt: skip
        return made, True, study, None

    def _keep_link(self, tx: Transaction, actor: Actor, link: Link, made: bool) -> None:
        """Looked at again where it counts: somebody may have linked a wallet, or a colleague been faster."""
        standing = desk_link(tx, self._context, link.person)
        if (standing is None) != made or (standing is not None and standing.id != link.id):
            raise conflict("Somebody else has just recorded something for this person", accepted="a look at it first")
        if made:
            tx.add(link)
            self._context.log(tx, "link.made", link.id, {"wallet": link.wallet, "by": actor.entry})

    def _claims(
        self, actor: Actor, study: StudyRequest, link: Link, before: Consent | None, answer: DeskAnswer,
        evidence: str | None, signer: dict[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        now, me = self._context.clock(), self._context.me.id
        state = _state(before, answer.decision)
        given = state in ALLOWING
        says: dict[str, Any] = {
            "id": before.id if before else new_id(), "version": before.version + 1 if before else 1,
            "previous": before.digest if before else None, "state": str(state), "study": study.id,
            "study_digest": study_digest(study), "link": link.id, "holder": me, "wallet": me,
            "recipients": list(study.recipients) if given else [], "purposes": list(study.purposes) if given else [],
            "data": [], "window": None, "decided_at": now, "valid_until": study.valid_until,
            "words": {"version": INTERFACE, "language": LANGUAGE, "digest": study_digest(study)},
            "signer": signer,
            "on_withdrawal": _wish(before, answer.decision),
            "capture": {"channel": answer.channel, "assistant": f"{actor.role} {actor.account}", "assurance": None,
                        "interface": INTERFACE, "evidence": evidence},
        }  # fmt: skip
        if given:
            says |= self._shared(study, answer, now)
        try:
            return ConsentRecord.from_json(says).to_json()
        except ConsentError as fault:
            raise invalid(f"This answer cannot be recorded: {fault}", "answer") from None

    def _signer(self, tx: Transaction, person: str, before: Consent | None, answer: DeskAnswer) -> dict[str, Any]:
        """Who speaks. Raises Problem 400 for a child's own yes, 409 for a proxy's over the person's own no."""
        found, now, by = tx.get(Person, person), self._context.clock(), answer.authority.strip()
        born = found.born if found is not None else None
        minor = is_minor(born, "", now)
        if answer.decision == "yes" and minor and not by:
            raise invalid(
                "This person is a minor, and somebody with an authority says yes for them", "authority",
                "who speaks, and by what right: a parent, a guardian",
            )  # fmt: skip
        if not by:
            return {"kind": "self", "authority": None}
        chain = tx.find(Consent, id=before.id, order="version") if before is not None else []
        if answer.decision == "yes" and own_no_in([ConsentRecord.from_json(one.record) for one in chain]):
            raise conflict("The person said no themselves, and only they change that", code="own-no")
        until = {"until": wire(of_age_at(born, ""))} if minor and born is not None else {}
        return {"kind": "proxy", "authority": by} | until

    def _shared(self, study: StudyRequest, answer: DeskAnswer, now: datetime) -> dict[str, Any]:
        said = Answer("yes", dict(answer.datasets), answer.window_start, answer.window_end, answer.until)
        data = [
            {"dataset": one.dataset, "categories": agreed_kinds(one, answer.datasets[one.dataset])}
            for one in study.at(self._context.me.id)
            if one.dataset in answer.datasets
        ]
        if not data:
            raise invalid("A yes names at least one dataset of ours that the study asks for", "datasets")
        return {"data": data, "window": agreed_window(study, said), "valid_until": end_of(study, said, now)}

    @staticmethod
    def _recorded(taken: Acknowledgement) -> Recorded:
        told = [one.name for one in taken.recipients]
        return Recorded(taken.consent, taken.version, str(taken.state), taken.committed_at, told)


def keep_evidence(tx: Transaction, context: Context, actor: Actor, person: str, evidence: Evidence) -> None:
    """Keep what shows how somebody answered, for each person it stands for. Raises Problem 400."""
    digest = checked(evidence)
    if tx.get(CaptureEvidence, person, digest) is None:
        tx.add(
            CaptureEvidence(
                digest=digest, person=person, media_type=evidence.media_type, body=evidence.body,
                taken_at=context.clock(), taken_by=actor.account,
            )
        )  # fmt: skip


def study_at_desk(tx: Transaction, study_id: str, *, answered: bool) -> StudyRequest:
    """A study whose words may be read to people here, or whose words somebody has answered here already.

    Whatever became of its approval: who said yes to it can always stop. Raises Problem 404.
    """
    found = tx.get(Study, study_id)
    if found is None or found.document is None or not (answered or found.standing == "approved"):
        raise missing("There is no study of this number that may be shown to people here")
    return StudyRequest.read(found.document)


def _check(answer: DeskAnswer) -> None:
    if answer.decision not in DECISIONS:
        raise invalid("This is not an answer", "decision", ", ".join(DECISIONS))
    if answer.channel not in CHANNELS:
        raise invalid("This is not a way to answer at the desk", "channel", ", ".join(CHANNELS))
    if answer.decision != "yes":
        return  # a no and a stop are never held up for want of paper
    if not answer.read_out:
        raise invalid("The words must be shown or read to the person before they say yes", "read_out", "true")
    if answer.evidence is None:
        raise invalid("A yes needs something that shows how it was said", "evidence", "a scan, a recording, a protocol")


def _wish(before: Consent | None, decision: str) -> str | None:
    """What recipients are to do. Who only says no again, after a stop, has not asked for more than they did then."""
    if decision in ("stop", "erase"):
        return decision
    again = decision == "no" and before is not None and before.state == "withdrawn"
    return (before.record or {}).get("on_withdrawal") if before is not None and again else None


def _state(before: Consent | None, decision: str) -> State:
    """What the next version says. Raises Problem 409 where there is nothing to stop or to pause."""
    if decision == "yes":
        return State.GIVEN
    held = before is not None and before.state in {*map(str, ALLOWING), "suspended"}
    ended = before is not None and before.state in {"withdrawn", "terminated", "invalidated"}
    if decision == "no":
        return State.WITHDRAWN if held or ended else State.REFUSED
    if ended and decision == "erase":
        return State.WITHDRAWN
    if not held:
        raise conflict("This person is not sharing anything with this study")
    return State.SUSPENDED if decision == "pause" else State.WITHDRAWN
