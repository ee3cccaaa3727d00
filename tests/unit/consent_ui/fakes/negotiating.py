"""In-memory services for deciding about contracts: requests, offers, rules, changes, ends, missing proofs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from connector.problems import Problem, conflict, missing
from connector.services.contracting import QuestionRow, QuestionView, RuleRow, RuleWeakened, Standing, Verdict
from connector.services.duties.views import DutyRow, DutyView
from connector.services.exchange.changes import AmendmentView, ContractEnded, ContractHistory
from connector.services.membership import AcceptanceRow
from connector.services.rooms.views import Fit, Round
from connector.services.steward import ParticipantRow
from policy.categories import words
from policy.odrl.differences import Change, TermDifference
from tests.unit.consent_ui.fakes import staff
from tests.unit.consent_ui.fakes import views as v
from tests.unit.consent_ui.fakes.people import HOSPITAL, NAMES, NOW

AGREEMENT = staff.AGREEMENT
RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
TRAINING = "https://w3id.org/dpv/legal/eu/ehds#TrainTestAndEvaluateHealthAlgorithms"
CALM, PRESSING, OPEN_TERM = "urn:uuid:asked-calm", "urn:uuid:asked-pressing", "urn:uuid:asked-open-term"
OVER = "urn:uuid:asked-over"
THEIRS, OURS = "urn:uuid:change-theirs", "urn:uuid:change-ours"
REPORT = "urn:uuid:duty-report"
ENDED = "urn:uuid:e1d0c2b3-1111-4222-8333-444455556666"
REPLACED = "urn:uuid:b2d0c2b3-1111-4222-8333-444455556666"
READ = "5" * 64
"""The digest of the terms that stand wherever somebody is asked."""
GROUP_ID, FOREIGN = "urn:concord:research:00000001", "urn:example:old-connector"
HEART_TITLE = "Records on heart and blood pressure"
DIFFERENCES = [
    TermDifference("purpose", "Purpose", "scientific research in health and care; training of algorithms",
                   "scientific research in health and care", Change.NARROWER),
    TermDifference("until", "End", "until 31 December 2027", "until 31 December 2028", Change.WIDER),
    TermDifference("records", "Dates of the records", "Nothing is said", "from 2016-01-01 until 2026-12-31",
                   Change.NARROWER),
    TermDifference("duty", "Duty", "Publish within two years", "Publish within one year", Change.OTHER),
]  # fmt: skip
NOT_NARROWER = Problem(
    400, "not-narrower", "No", "This is not within the data of the present terms", "data", "vital signs"
)
STANDING = Standing(
    purposes=[(RESEARCH, "scientific research in health and care"), (TRAINING, "training of algorithms")],
    until=(NOW + timedelta(days=700)).date(),
    recipients=[(GROUP_ID, staff.GROUP), ("urn:concord:research:2", "Harbour Statistics Unit")],
    categories=[(key, words(key)) for key in ("conditions", "laboratory", "vital-signs")],
    records_from=(NOW - timedelta(days=4000)).date(), records_until=NOW.date(),
)  # fmt: skip


def row(pid: str, kind: str = "request", **changed) -> QuestionRow:
    name = staff.GROUP if kind == "request" else NAMES[HOSPITAL]
    made = QuestionRow(
        pid, kind, GROUP_ID, name, HEART_TITLE, staff.DATASET, "Early signs of heart failure",
        "requested" if kind == "request" else "offered", NOW - timedelta(days=2), NOW + timedelta(days=12), False, 0, 1,
    )  # fmt: skip
    return replace(made, **changed)


def rounds(ours: str) -> list[Round]:
    said = [("consumer", staff.GROUP, 3), ("provider", NAMES[HOSPITAL], 2), ("consumer", staff.GROUP, 1)]
    return [
        Round(by, name, by == ours, NOW - timedelta(days=days), staff.SENTENCES,
              DIFFERENCES[:2] if days == 3 else DIFFERENCES[2:3] if days == 2 else [])
        for by, name, days in said
    ]  # fmt: skip


class Questions:
    """Both `approvals` and `offers`: what waits, and what was said to it."""

    def __init__(self, kind: str, empty: bool) -> None:
        self.kind, self.empty = kind, empty
        self.said: list[tuple[object, ...]] = []

    def rows(self) -> list[QuestionRow]:
        soon = {"urgent": True, "answer_by": NOW + timedelta(hours=30)}
        rows = [
            row(PRESSING, self.kind, **soon | ({"needed": 2, "approved": 1} if self.kind == "request" else {})),
            row(CALM, self.kind),
            row(OPEN_TERM, self.kind, study_title=""),
        ]  # fmt: skip
        gone = {pid for _, pid, *_ in self.said}
        return [] if self.empty else [one for one in rows if one.pid not in gone]

    async def list(self, actor):
        return self.rows()

    async def show(self, actor, pid):
        found = next((one for one in self.rows() if one.pid == pid), None)
        if found is None:
            raise Problem(409, "not-asked", "This step does not fit", "This negotiation does not wait for an answer.")
        yes, no = ("approve", "refuse") if self.kind == "request" else ("accept", "decline")
        plain = pid == OPEN_TERM
        return QuestionView(
            row=found, terms=staff.SENTENCES, from_catalogue=[] if plain else DIFFERENCES,
            rounds=rounds("provider" if self.kind == "request" else "consumer")[: 1 if plain else 3],
            verdicts=[Verdict("Pieter Claes", "approve", NOW - timedelta(hours=5), "The study board agreed.")]
            if found.approved else [],
            can=[no] if plain else [yes, "counter", no], standing=STANDING, understood=not plain,
            terms_digest=READ, spoken=bool(found.approved),
            fit=Fit("unknown", unknowns=["Nobody has said so"]) if plain else Fit("compatible", beyond=["It goes on"]),
        )  # fmt: skip

    def read(self, terms):
        if terms != READ:
            raise conflict("The terms have changed since you read them: nothing was done", "terms-changed")

    async def approve(self, actor, pid, terms, note=""):
        self.read(terms)
        if note == "again":
            raise conflict("You have spoken on exactly these terms already", accepted="the answer of another person")
        self.said.append(("approve", pid, note))

    async def refuse(self, actor, pid, terms, reason):
        self.read(terms)
        self.said.append(("refuse", pid, reason))

    async def accept(self, actor, pid, terms):
        self.read(terms)
        self.said.append(("accept", pid))

    async def decline(self, actor, pid, terms, reason):
        self.read(terms)
        self.said.append(("decline", pid, reason))

    async def counter(self, actor, pid, terms, draft):
        self.read(terms)
        if draft.categories == ["conditions"]:
            raise Problem(
                400, "not-narrower", "No", "This is not within the data of the present terms", "data", "vital signs"
            )
        self.said.append(("counter", pid, draft))

    async def offer(self, actor, draft):
        self.said.append(("offer", OVER, draft))
        return OVER


class Rules:
    def __init__(self, empty: bool) -> None:
        self.rows = [] if empty else [
            RuleRow(staff.DATASET, HEART_TITLE, GROUP_ID, staff.GROUP, "quorum", 14, "", "account", NOW),
            RuleRow("", "", FOREIGN, "Old Town Insurance", "refuse", 14, "We share nothing with insurers.", "a", NOW),
            RuleRow("", "", "", "", "person", 21, "", "account", NOW),
        ]  # fmt: skip

    async def list(self, actor):
        return self.rows

    async def weakened(self, actor):
        return [RuleWeakened(NOW, "An De Smet", "", staff.GROUP, "quorum", "accept")] if self.rows else []

    async def set(self, actor, answer, *, dataset="", counterparty="", days=14, reason=""):
        self.rows = [*self.rows, RuleRow(dataset, dataset, counterparty, counterparty, answer, days, reason, "a", NOW)]
        return self.rows[-1]

    async def remove(self, actor, *, dataset="", counterparty=""):
        kept = [one for one in self.rows if (one.dataset, one.counterparty) != (dataset, counterparty)]
        if len(kept) == len(self.rows):
            raise missing("There is no rule for this dataset and this participant")
        self.rows = kept


class Research(staff.Research):
    """With an offer that waits for an answer, and what was asked for as it stands."""

    fit: Fit | None = Fit("compatible", witness=["the time: 31 December 2027"])

    async def preview(self, actor, provider, dataset, offer, study="", purpose=""):
        return self.fit

    async def negotiation(self, actor, pid):
        found = await super().negotiation(actor, pid)
        if pid not in (PRESSING, CALM, OPEN_TERM):
            return found
        done = [*staff.steps("requested")[:1], v.Step("offered", NOW - timedelta(days=1), NAMES[HOSPITAL], False)]
        return replace(
            found, pid=pid, provider_name=NAMES[HOSPITAL], dataset=HEART_TITLE, state="offered",
            steps=[*done, *staff.steps(waiting="agreed")[1:]], rounds=rounds("consumer")[:2],
            from_catalogue=DIFFERENCES, can=["decline"] if pid == OPEN_TERM else ["accept", "counter", "decline"],
            answer_by=NOW + timedelta(hours=30), urgent=pid == PRESSING,
            terms_digest=READ,
            fit=Fit("conflict", clashes=["You ask until 31 December 2028; the offer ends on 31 December 2027"]),
        )  # fmt: skip

    async def room(self, actor, agreement):
        found = await super().room(actor, AGREEMENT if agreement in (ENDED, REPLACED) else agreement)
        if agreement != AGREEMENT:
            return replace(found, id=agreement, state="ended" if agreement == ENDED else "replaced", transfers=[])
        paused = replace(found.transfers[0], pid="urn:uuid:t0", state="suspended", suspended_by="provider",
                         reason="We check a device that counts wrongly.")  # fmt: skip
        mine = replace(paused, pid="urn:uuid:t9", suspended_by="consumer", reason="Our disk is full.", way="push")
        return replace(found, state="active", transfers=[*found.transfers, paused, mine])


class Contracts:
    """What a steward reads of negotiations and contracts."""

    def __init__(self, empty: bool) -> None:
        self.research = Research(empty)
        self.provider = True

    async def agreements(self, actor, role=None):
        rows = await self.research.agreements(actor)
        return [replace(one, counterparty_name=staff.GROUP, role="provider", state="active") for one in rows]

    async def room(self, actor, agreement):
        room = await self.research.room(actor, agreement)
        return replace(
            room, id=agreement, role="provider", counterparty_name=staff.GROUP,
            transfers=[replace(one, role="provider", path="", manifest_verified=None) for one in room.transfers],
        )  # fmt: skip

    async def negotiation(self, actor, pid):
        view = await self.research.negotiation(actor, "urn:uuid:other" if pid == OVER else pid)
        return replace(view, pid=pid, provider_name=staff.GROUP, role="provider", rounds=rounds("provider"))


class Changes:
    """`contract_changes`, `amendments` and `endings` of one side."""

    def __init__(self, empty: bool, role: str) -> None:
        self.empty, self.role = empty, role
        self.done: list[tuple[object, ...]] = []

    def amendment_of(self, id: str) -> AmendmentView:
        ours = id == OURS
        other, me = (staff.GROUP, NAMES[HOSPITAL]) if self.role == "provider" else (NAMES[HOSPITAL], staff.GROUP)
        answered = any(said[1] == id for said in self.done)
        return AmendmentView(
            id, AGREEMENT, other, HEART_TITLE, self.role, ours, me if ours else other,
            "The study needs less than we thought.", "accepted" if answered else "open", staff.SENTENCES,
            DIFFERENCES[:1] + DIFFERENCES[2:3], NOW - timedelta(days=1), NOW + timedelta(days=29),
            NOW if answered else None, "", None, not ours and not answered, ours and not answered,
        )  # fmt: skip

    def ended(self, provable: bool = True, late: bool = False) -> ContractEnded:
        return ContractEnded(
            ENDED, NAMES[HOSPITAL], self.role == "provider", "The study was stopped by its ethics board.",
            NOW - timedelta(days=31 if late else 2), NOW - timedelta(days=2) if provable else None, provable,
            NOW + timedelta(days=-1 if late else 28), None, late, 0, 0, 0,
        )  # fmt: skip

    async def history(self, actor, agreement):
        over = agreement == ENDED or ("end", agreement) in [said[:2] for said in self.done]
        if self.empty:
            return ContractHistory(agreement, "active", None, None, None, [], True, True)
        changes = [self.amendment_of(THEIRS), self.amendment_of(OURS)]
        if over:
            return ContractHistory(agreement, "ended", None, None, self.ended(), [], False, False)
        if agreement == REPLACED:
            return ContractHistory(agreement, "replaced", None, AGREEMENT, None, changes, False, False)
        return ContractHistory(agreement, "active", REPLACED, None, None, changes, True, True)

    async def waiting(self, actor):
        return [] if self.empty else [self.amendment_of(THEIRS)]

    async def amendment(self, actor, id):
        if id not in (THEIRS, OURS):
            raise missing("There is no such proposal here")
        return self.amendment_of(id)

    async def ends_not_proven(self, actor):
        return [] if self.empty else [self.ended(provable=False, late=True), self.ended()]

    async def end(self, actor, agreement, reason):
        self.done.append(("end", agreement, reason))

    async def narrow(self, actor, agreement, draft, reason=""):
        if draft.categories == ["conditions"]:
            raise Problem(
                400, "not-narrower", "No", "This is not within the data of the present terms", "data", "vital signs"
            )
        self.done.append(("narrow", agreement, draft, reason))
        return OURS

    async def accept(self, actor, id):
        self.done.append(("accept", id))

    async def decline(self, actor, id, reason):
        self.done.append(("decline", id, reason))

    async def withdraw(self, actor, id, reason=""):
        self.done.append(("withdraw", id))


class Duties:
    """What is owed under the contract: one duty of each standing."""

    def __init__(self, empty: bool, role: str) -> None:
        self.empty, self.role = empty, role
        self.stated: list[tuple[str, ...]] = []

    async def list(self, actor, agreement=None, state=None):
        said = {one[0] for one in self.stated}
        return [] if self.empty else [replace(one, can_state=one.can_state and one.id not in said) for one in self.rows]

    @property
    def rows(self) -> list[DutyRow]:
        ours = self.role == "consumer"
        day = timedelta(days=1)

        def row(id: str, duty: str, sentence: str, state: str, by: str, **more: object) -> DutyRow:
            mine = (by == "consumer") == ours
            facts = {"due_at": None, "done_at": None, "reminded_at": None, "can_state": False} | more
            return DutyRow(
                id, AGREEMENT, duty, sentence, state, by, mine, staff.GROUP if by == "consumer" else NAMES[HOSPITAL],
                counterparty_name=NAMES[HOSPITAL] if ours else staff.GROUP, **facts,
            )  # fmt: skip

        return [
            row(REPORT, "report", "The recipient must report to the data holder by 1 November 2026.", "overdue",
                "consumer", due_at=NOW - 20 * day, can_state=ours),
            row("urn:uuid:d-2", "publish-results", "The results must be published within 1 year after the contract was "
                "made.", "due", "consumer", due_at=NOW + 100 * day, can_state=ours),
            row("urn:uuid:d-3", "delete", "The data must be deleted within 30 days after it arrived.", "pending",
                "consumer", due_at=NOW + 30 * day),
            row("urn:uuid:d-4", "inform", "The data holder must be told about each use.", "violated", "consumer",
                due_at=NOW - day, done_at=NOW),
            row("urn:uuid:d-5", "pseudonymise", "Names and other marks of a person are replaced by a code name before "
                "anything leaves.", "fulfilled", "provider", done_at=NOW - day),
        ]  # fmt: skip

    async def show(self, actor, id):
        found = next((one for one in await self.list(actor) if one.id == id), None)
        if found is None:
            raise missing("There is no such duty here")
        return DutyView(found, "/obligation/0", {})

    async def state(self, actor, id, link="", digest="", words=""):
        if digest and len(digest) != 64:
            raise Problem(400, "invalid", "No", "is not in the accepted form", "digest", "64 hex digits")
        self.stated.append((id, link, digest, words))


class TransferDesk:
    def __init__(self, role: str) -> None:
        self.role = role
        self.moved: list[tuple[str, ...]] = []

    async def transfer(self, actor, pid):
        found = next((one for one in (await Research().room(actor, AGREEMENT)).transfers if one.pid == pid), None)
        if found is None:
            raise missing("There is no such transfer here")
        return replace(found, role=self.role, agreement=AGREEMENT)

    async def suspend(self, actor, pid, reason):
        self.moved.append(("suspend", pid, reason))

    async def resume(self, actor, pid):
        self.moved.append(("resume", pid))

    async def end(self, actor, pid, reason=""):
        self.moved.append(("end", pid, reason))


class Membership:
    def __init__(self, empty: bool) -> None:
        self.rows = [] if empty else [
            AcceptanceRow(FOREIGN, "Old Town Insurance", "An De Smet", NOW - timedelta(days=9),
                          "A pilot of one month. They send a letter for each withdrawal.", NOW + timedelta(days=21),
                          "in-force", [AGREEMENT]),
            AcceptanceRow("urn:example:gone", "Riverside Lab", "An De Smet", NOW - timedelta(days=90),
                          "A test.", None, "revoked", []),
        ]  # fmt: skip

    async def acceptances(self, actor):
        return self.rows

    async def accept(self, actor, member, why, until=None):
        self.rows = [*self.rows, AcceptanceRow(member, member, actor.name, NOW, why, until, "in-force", [])]
        return self.rows[-1]

    async def revoke(self, actor, member):
        self.rows = [replace(one, standing="revoked") if one.member == member else one for one in self.rows]


def add(services: SimpleNamespace, role: str, empty: bool) -> None:
    """These services beside those of `staff`."""
    mine = "consumer" if role == "research" else "provider"
    changes = Changes(empty, mine)
    services.research = Research(empty)
    services.approvals, services.offers = Questions("request", empty), Questions("offer", empty)
    services.rules, services.membership = Rules(empty), Membership(empty)
    services.contracts, services.transfer_desk = Contracts(empty), TransferDesk(mine)
    services.duties = Duties(empty, mine)
    services.contract_changes = services.amendments = services.endings = changes
    others = [] if empty else [
        ParticipantRow(GROUP_ID, staff.GROUP, "research", proves=True),
        ParticipantRow(FOREIGN, "Old Town Insurance", "research", proves=False),
        ParticipantRow("urn:example:lab", "Hillside Laboratory", "research", proves=False),
    ]  # fmt: skip
    services.steward.participants = lambda _: asyncio.sleep(0, others)
    services.steward.asked = services.approvals.rows
