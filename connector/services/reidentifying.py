"""Finding out whose code it is: never alone, never for ever, never unseen by the person.

Somebody here asks, with a ground and a reason. Two others approve, at least one of them a data protection officer; who
asks never approves. Then, before the deadline, whoever asked or approved may open the case once: the vault says whose
code it is, the log notes it, and the person's wallet is told in the same transaction. What was found is shown to who
opens it and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from connector.ports import Transaction
from connector.problems import conflict, forbidden, invalid, missing
from connector.records import Account, Agreement, Dataset, HandedOver, Person, ReidentificationCase
from connector.services.actors import Actor, require
from connector.services.chains import chain_of, domain_of
from connector.services.context import Context
from connector.services.delivery import new_id
from connector.services.releasing import uses
from connector.services.rooms.names import moment
from connector.services.sealed import SealedInTransaction
from connector.vault.codes import is_code
from connector.vault.errors import SealBrokenError
from contracts.exchange import UseKind

GROUNDS = {
    "finding": "The receiver found something that matters for the person's health",
    "safety": "Somebody may be in danger",
    "data": "The data about the person are wrong and must be put right",
    "law": "The law demands it",
}
"""Why a code may be traced back at all, as the person reads it."""
APPROVALS = 2
DAYS = 7
MOST_DAYS = 30
LONGEST = 1000
MOST_SEALED = 100
LONGEST_SEALED = 64 * 1024
_PORTION = 400
_OPEN = ("asked", "approved")


class Unsealing(Protocol):
    """What opens a person's sealed texts."""

    def unseal(self, sealed: str) -> str:
        """Raises SealBrokenError."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """What somebody asks: the code as the receiver knows it, under which contract, on what ground, why, how long."""

    agreement: str
    code: str
    ground: str
    reason: str
    days: int = DAYS


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval: by whom, when, and what they noted."""

    by: str
    name: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case as staff read it. `standing`: asked, approved, opened, refused or lapsed. It never says who it is."""

    id: str
    agreement: str
    code: str
    ground: str
    reason: str
    asked_by: str
    asked_by_name: str
    asked_at: datetime
    deadline: datetime
    standing: str
    approvals: list[Approval]
    missing: int
    settled_why: str
    opened_at: datetime | None
    opened_by: str
    told: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Whose code it is. `told`: their wallet was told; without one they have to be told by letter."""

    case: str
    person: str
    number: str
    name: str
    told: bool


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What sealed texts say, in their order. `told`: the person's wallet was told, now or when the case was opened."""

    case: str
    texts: list[str]
    told: bool


class Reidentifying:
    """Asking, approving, refusing, opening."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def ask(self, actor: Actor, asked: Asking) -> CaseRow:
        """Ask that a code be traced back. Raises Problem 400, 403, 404."""
        require(actor, "steward", "dpo")
        reason = _checked(asked)

        def command(tx: Transaction) -> CaseRow:
            agreement = tx.get(Agreement, asked.agreement)
            if agreement is None or agreement.role != "provider":
                raise missing("There is no such contract about data of ours")
            now = self._context.clock()
            case = ReidentificationCase(
                id=new_id(), agreement=agreement.id, code=asked.code, ground=asked.ground, reason=reason,
                asked_by=actor.account, asked_at=now, deadline=now + timedelta(days=asked.days),
                approvals={"approvals": []},
            )  # fmt: skip
            tx.add(case)
            self._note(tx, "asked", case, actor, {"agreement": agreement.id, "ground": asked.ground})
            return _row(tx, case, now)

        return await self._context.store.write(command)

    async def rows(self, actor: Actor) -> list[CaseRow]:
        """Every case: those that wait for somebody first, newest first."""
        require(actor, "steward", "dpo")

        def query(tx: Transaction) -> list[CaseRow]:
            now = self._context.clock()
            found = [_row(tx, one, now) for one in tx.find(ReidentificationCase, order="-asked_at", limit=500)]
            return sorted(found, key=lambda row: row.standing not in _OPEN)

        return await self._context.store.read(query)

    async def contracts(self, actor: Actor) -> list[tuple[str, str]]:
        """Contracts under which data of ours left: id, and recipient with dataset in words."""
        require(actor, "steward", "dpo")

        def query(tx: Transaction) -> list[tuple[str, str]]:
            found = tx.find(Agreement, role="provider", order="-made_at", limit=200)
            return [(one.id, f"{self._context.members.name_of(one.counterparty)}, {_title(tx, one)}") for one in found]

        return await self._context.store.read(query)

    async def approve(self, actor: Actor, id: str, note: str = "") -> CaseRow:
        """Approve, as somebody else than who asked, once each. Raises Problem 400, 403, 404, 409."""
        require(actor, "steward", "dpo")

        def command(tx: Transaction) -> CaseRow:
            case, now = self._open_case(tx, id)
            given = list((case.approvals or {}).get("approvals", ()))
            _others(case, given, actor)
            given.append(
                {"by": actor.account, "role": actor.role, "at": now.isoformat(), "note": note.strip()[:LONGEST]}
            )
            case = tx.change(case, approvals={"approvals": given}, standing="approved" if _enough(given) else "asked")
            self._note(tx, "approved", case, actor, {"approvals": len(given)})
            return _row(tx, case, now)

        return await self._context.store.write(command)

    async def refuse(self, actor: Actor, id: str, why: str) -> CaseRow:
        """Refuse, or take back what one asked; it is over then. Raises Problem 400, 403, 404, 409."""
        require(actor, "steward", "dpo")
        why = why.strip()
        if not 0 < len(why) <= LONGEST:
            raise invalid("Say why not", "why", f"1 to {LONGEST} characters")

        def command(tx: Transaction) -> CaseRow:
            case, now = self._open_case(tx, id)
            case = tx.change(case, standing="refused", settled_at=now, settled_by=actor.account, settled_why=why)
            self._note(tx, "refused", case, actor, {})
            return _row(tx, case, now)

        return await self._context.store.write(command)

    async def open(self, actor: Actor, id: str) -> Found:
        """Trace the code back, once; the person is told. Raises Problem 403, 404, 409."""
        require(actor, "steward", "dpo")

        def command(tx: Transaction) -> Found | None:
            case, now = self._open_case(tx, id)
            given = (case.approvals or {}).get("approvals", ())
            if case.standing != "approved" or not _enough(given):
                raise conflict(f"{APPROVALS} people have to approve first, one of them a data protection officer")
            if actor.account not in {case.asked_by, *(one["by"] for one in given)}:
                raise forbidden("Only who asked or approved opens a case", "not-in-case")
            person = self._traced(tx, case)
            told = person is not None and self._tell(tx, case, person, now)
            tx.change(
                case, standing="opened", opened_at=now, opened_by=actor.account, person=person.id if person else "",
                told_at=now if told else None,
            )  # fmt: skip
            self._note(tx, "opened", case, actor, {"found": person is not None, "told": told})
            return Found(case.id, person.id, person.source_id, person.name, told) if person else None

        found = await self._context.store.write(command)
        if found is None:
            raise missing("Nobody here has this code (any more)")
        return found

    async def unseal(self, actor: Actor, id: str, sealed: Sequence[str]) -> Unsealed:
        """Open texts that a profile sealed for the vault, of the person of a case that was approved, before its end.

        As opening a case: only by who asked or approved; logged, and the person is told if they were not before.
        Raises Problem 400, 403, 404, 409; nothing is opened then.
        """
        require(actor, "steward", "dpo")
        if not 0 < len(sealed) <= MOST_SEALED or any(len(one) > LONGEST_SEALED for one in sealed):
            raise invalid("So much is not opened at once", "sealed", f"1 to {MOST_SEALED} sealed texts")

        def command(tx: Transaction) -> Unsealed | None:
            case, now = self._approved(tx, id, actor)
            person = self._traced(tx, case)
            agreement = tx.get(Agreement, case.agreement)
            if person is None or agreement is None:
                return None
            domain = self._context.vault.domain(domain_of(agreement), SealedInTransaction(tx))
            texts = _opened(domain.known_people([person.id])[person.id], sealed)
            told = case.told_at is not None
            if not told and (told := self._tell(tx, case, person, now)):
                case = tx.change(case, told_at=now)
            self._note(tx, "unsealed", case, actor, {"texts": len(texts), "told": told})
            return Unsealed(case.id, texts, told)

        found = await self._context.store.write(command)
        if found is None:
            raise missing("Nobody here has this code (any more)")
        return found

    def _approved(self, tx: Transaction, id: str, actor: Actor) -> tuple[ReidentificationCase, datetime]:
        """A case under which something may be opened by this account now. Raises Problem 403, 404, 409."""
        case, now = tx.get(ReidentificationCase, id), self._context.clock()
        if case is None:
            raise missing("There is no such case")
        given = (case.approvals or {}).get("approvals", ())
        if case.deadline is None or now >= case.deadline or case.standing in ("refused", "lapsed"):
            raise conflict("This case is over", "case-over", "a new case")
        if case.standing not in ("approved", "opened") or not _enough(given):
            raise conflict(f"{APPROVALS} people have to approve first, one of them a data protection officer")
        if actor.account not in {case.asked_by, *(one["by"] for one in given)}:
            raise forbidden("Only who asked or approved opens a case", "not-in-case")
        return case, now

    def _open_case(self, tx: Transaction, id: str) -> tuple[ReidentificationCase, datetime]:
        """A case that can still be approved, refused or opened. Raises Problem 404, 409."""
        case, now = tx.get(ReidentificationCase, id), self._context.clock()
        if case is None:
            raise missing("There is no such case")
        if (standing := _standing(case, now)) not in _OPEN:
            raise conflict(f"This case is over: {standing}", "case-over", "a new case")
        return case, now

    def _traced(self, tx: Transaction, case: ReidentificationCase) -> Person | None:
        """The person of this code among those who were handed over under the contract."""
        agreement = tx.get(Agreement, case.agreement)
        if agreement is None:
            return None
        domain = self._context.vault.domain(domain_of(agreement), SealedInTransaction(tx))
        chain = [one.id for one in chain_of(tx, agreement)] or [agreement.id]
        people = sorted({row.person for row in tx.find(HandedOver, agreement=chain)})
        for start in range(0, len(people), _PORTION):
            if (found := domain.holder_of(case.code, people[start : start + _PORTION])) is not None:
                return tx.get(Person, found)
        return None

    def _tell(self, tx: Transaction, case: ReidentificationCase, person: Person, now: datetime) -> bool:
        me = self._context.me
        words = f"{GROUNDS[case.ground]}. {case.reason}"
        look = uses.Look(UseKind.REIDENTIFIED, case.id, words, me.id, me.name)
        return uses.tell_of(tx, self._context, person.id, look, now)

    def _note(
        self, tx: Transaction, what: str, case: ReidentificationCase, actor: Actor, facts: dict[str, Any]
    ) -> None:
        self._context.log(tx, f"reidentification.{what}", case.id, {"by": actor.entry, **facts})
        tx.ring("reidentification")


def _checked(asked: Asking) -> str:
    """The reason, cleaned. Raises Problem 400."""
    if not is_code(asked.code):
        raise invalid("This is no code of ours, or there is a typing error in it", "code", "26 letters and digits")
    if asked.ground not in GROUNDS:
        raise invalid("This is no ground", "ground", ", ".join(GROUNDS))
    if not 1 <= asked.days <= MOST_DAYS:
        raise invalid("A case cannot stay open so long", "days", f"1 to {MOST_DAYS}")
    reason = asked.reason.strip()
    if not 10 <= len(reason) <= LONGEST:
        raise invalid("Say why it has to be known who this is", "reason", f"10 to {LONGEST} characters")
    return reason


def _opened(coder: Unsealing, sealed: Sequence[str]) -> list[str]:
    """Raises Problem 409 naming which of them was sealed for somebody else, or changed."""
    texts = []
    for number, one in enumerate(sealed, 1):
        try:
            texts.append(coder.unseal(one))
        except SealBrokenError:
            raise conflict(
                f"Text {number} was not sealed for this person under this contract", "not-sealed-for-them",
                "a sealed text from a line with the code of the case",
            ) from None  # fmt: skip
    return texts


def _others(case: ReidentificationCase, given: Sequence[dict[str, Any]], actor: Actor) -> None:
    """Raises Problem 403, 409 unless somebody else than who asked approves, and not twice."""
    if actor.account == case.asked_by:
        raise forbidden("Who asks does not approve", "own-case")
    if any(one["by"] == actor.account for one in given):
        raise conflict("You have approved this case already")


def _enough(given: Sequence[dict[str, Any]]) -> bool:
    return len({one["by"] for one in given}) >= APPROVALS and any(one["role"] == "dpo" for one in given)


def _standing(case: ReidentificationCase, now: datetime) -> str:
    over = case.standing in _OPEN and (case.deadline is None or now >= case.deadline)
    return "lapsed" if over else case.standing


def _title(tx: Transaction, agreement: Agreement) -> str:
    dataset = tx.get(Dataset, agreement.dataset)
    return dataset.title if dataset and dataset.title else agreement.dataset


def _row(tx: Transaction, case: ReidentificationCase, now: datetime) -> CaseRow:
    def name(account: str) -> str:
        known = tx.get(Account, account)
        return known.name if known else account

    given = (case.approvals or {}).get("approvals", ())
    approvals = [Approval(one["by"], name(one["by"]), datetime.fromisoformat(one["at"]), one["note"]) for one in given]
    return CaseRow(
        case.id, case.agreement, case.code, case.ground, case.reason, case.asked_by, name(case.asked_by),
        moment(case.asked_at), moment(case.deadline), _standing(case, now), approvals,
        max(0, APPROVALS - len(approvals)), case.settled_why, case.opened_at,
        name(case.opened_by) if case.opened_by else "", case.told_at is not None,
    )  # fmt: skip


__all__ = ["APPROVALS", "DAYS", "GROUNDS", "Asking", "CaseRow", "Found", "Reidentifying", "Unsealed"]
