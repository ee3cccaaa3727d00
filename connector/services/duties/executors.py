"""Who here carries out which duty, and what that takes: the one registry of executors.

An executor is asked at each turn of a contract and writes down what is owed (`DutyBook.open`) or done
(`DutyBook.done`), in the transaction of that turn. A duty without one is neither offered nor agreed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy.odrl.duties import KNOWN, Duty, Undone, rules, stated, undone

if TYPE_CHECKING:
    from connector.ports import Transaction
    from connector.records import Agreement, DutyOwed, Release
    from connector.services.duties.book import DutyBook
    from policy.odrl import Policy


@dataclass(frozen=True, slots=True)
class Moved:
    """A transfer as both sides know it: the consumer's pid, and when its data began to move."""

    occasion: str
    since: datetime


class Executor:
    """Carries out one duty. What an executor does not do at some turn, it leaves as it stands here: nothing."""

    key: str = ""
    by_person: bool = False
    """Whether a person states that it is done, with a proof."""
    by_statement: bool = False
    """Whether the consumer's statement about the duty is what shows that it is done."""
    renewed: bool = False
    """Whether changed terms put theirs in its place, as long as it is not done."""

    def refuses(self, duty: Duty, provider: str) -> str | None:  # noqa: ARG002
        """Why a duty with these parameters cannot be carried out, as what could be; `provider` assigns it."""
        return None

    def agreed(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, since: datetime) -> None:
        """The contract counts; `since` is when the first of its chain was made."""

    def begun(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, moved: Moved) -> None:
        """Data begins to be sent, or to arrive."""

    def released(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, release: Release) -> None:
        """Provider: something was handed over, and the release is over."""

    def asked(
        self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, notice: str, due: datetime | None
    ) -> None:
        """A person stopped, and what was received about them has to go."""

    def ended(self, tx: Transaction, book: DutyBook, row: DutyOwed, erase_by: datetime) -> None:
        """The contract of an open duty is over."""


class Pseudonymise(Executor):
    """The de-identification profile, applied to all that leaves; a release names the one it was prepared with."""

    key = "pseudonymise"

    def released(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, release: Release) -> None:
        """The profile is proven by the release's own entries and manifest, which this one names."""
        if not agreement.profile:
            return
        row = book.open(tx, agreement, duty, release.id)
        book.done(tx, row, {"release": release.id, "profile": agreement.profile, "bytes": release.bytes})


class AssessRisk(Executor):
    """How easily somebody could be singled out is measured before the first byte (`connector.services.releasing.risk`);
    below what the contract asks nothing leaves."""

    key = "assess-risk"

    def released(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, release: Release) -> None:
        """The report that was made before it is what shows that it was done."""
        if not release.risk:
            return
        row = book.open(tx, agreement, duty, release.id)
        book.done(tx, row, {"release": release.id, "report": release.risk})


class ToTheProvider(Executor):
    """A duty towards somebody: only the provider can be told, since both sides are known to each other."""

    def refuses(self, duty: Duty, provider: str) -> str | None:
        """Another party than the provider cannot be reached."""
        return None if duty.party in (None, provider) else f"nobody named, or {provider}"


class Log(ToTheProvider):
    """The recipient's own Merkle log takes up each transfer; the provider gets the leaf, signed."""

    key = "log"
    by_statement = True

    def begun(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, moved: Moved) -> None:
        """The entry is written before the first byte is taken in."""
        row = book.open(tx, agreement, duty, moved.occasion)
        if book.ours(row):
            book.done(tx, row, {"transfer": moved.occasion})


class Inform(ToTheProvider):
    """A signed message to the provider about each transfer; done when it has arrived."""

    key = "inform"
    by_statement = True

    def begun(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, moved: Moved) -> None:
        """Told as data begins to arrive."""
        due = duty.due(moved.since)
        row = book.open(tx, agreement, duty, moved.occasion, due=due)
        if book.ours(row):
            book.tell(tx, row)


class Delete(Executor):
    """Received files are deleted when their time is over, by `connector.jobs.duties`, and that is stated."""

    key = "delete"
    by_statement = True
    renewed = True

    def agreed(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, since: datetime) -> None:  # noqa: ARG002
        """By an instant, or (without any time) once the contract is over: everything."""
        if duty.within is None:
            book.open(tx, agreement, duty, due=duty.until)

    def begun(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, moved: Moved) -> None:
        """Within a period: what this transfer brings. What comes after the instant goes at once.

        What was done before this came does not count for it.
        """
        late = duty.until is not None and duty.until <= moved.since
        alone = duty.within is not None or late
        book.again(tx, agreement, duty, moved.occasion if alone else "", due=duty.due(moved.since))

    def ended(self, tx: Transaction, book: DutyBook, row: DutyOwed, erase_by: datetime) -> None:
        """Whatever is held then goes with the contract."""
        if row.due_at is None or row.due_at > erase_by:
            book.set_due(tx, row, erase_by)


class EraseOnWithdrawal(Executor):
    """A person's records are deleted once they ask for it (`connector.jobs.eraser`)."""

    key = "erase-on-withdrawal"

    def asked(
        self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, notice: str, due: datetime | None
    ) -> None:
        """Done when the recipient has stated it."""
        book.open(tx, agreement, duty, notice, due=due)


class Stated(ToTheProvider):
    """A person at the recipient states that it is done, with a link or a digest; they are reminded at half time."""

    by_person = True
    by_statement = True
    renewed = True

    def agreed(self, tx: Transaction, book: DutyBook, agreement: Agreement, duty: Duty, since: datetime) -> None:
        """Owed once for a chain of contracts: what was stated under earlier terms stays stated."""
        due = duty.due(since)
        if due is not None and not book.done_in_chain(tx, agreement, self.key):
            book.open(tx, agreement, duty, due=due, opens=since + max(due - since, timedelta()) / 2)


class Report(Stated):
    """A report to the provider."""

    key = "report"


class PublishResults(Stated):
    """Results made public."""

    key = "publish-results"


@dataclass(frozen=True)
class Executors:
    """The executors there are at one participant."""

    each: tuple[Executor, ...]

    @cached_property
    def by_key(self) -> Mapping[str, Executor]:
        """By the duty they carry out."""
        return MappingProxyType({one.key: one for one in self.each})

    @cached_property
    def keys(self) -> frozenset[str]:
        """The duties that can be carried out."""
        return frozenset(self.by_key)

    def get(self, key: str) -> Executor | None:
        """The executor for a duty, None where there is none."""
        return self.by_key.get(key)

    def without(self, *keys: str) -> Executors:
        """The same without some."""
        return replace(self, each=tuple(one for one in self.each if one.key not in keys))

    def undone(self, policy: Policy, provider: str) -> tuple[Undone, ...]:
        """Each duty of a policy that cannot be carried out as it is stated: not understood, nobody for it, not so."""
        found = list(undone(policy, self.keys))
        for duty in stated(policy):
            executor = self.get(duty.key)
            if executor is not None and (accepted := executor.refuses(duty, provider)) is not None:
                found.append(Undone(duty.pointer, duty.key, accepted))
        places = {rule.pointer: place for place, rule in enumerate(rules(policy))}
        return tuple(sorted(found, key=lambda one: places.get(one.pointer, 0)))


def in_order(keys: Iterable[str]) -> list[str]:
    """Duties in the order in which they are listed for people."""
    able = frozenset(keys)
    return [key for key in KNOWN if key in able]


ALL: Final = Executors(
    (Pseudonymise(), AssessRisk(), Log(), Inform(), Delete(), EraseOnWithdrawal(), Report(), PublishResults())
)
"""What a connector of ours carries out. Nobody here makes data anonymous, so nothing does "anonymise"."""
