"""What the chapters of the story share: who plays, what was found on the way, and where to tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from connector.demo.desk import Unfulfilled
from connector.demo.narrator import Narrator
from connector.demo.offices import Holder, Office, ResearchGroup, Wallet
from connector.demo.people import Cast, Part, cast_of
from connector.demo.report import Report
from connector.outbound.client import Outbound


def now() -> datetime:
    """The time on the wall."""
    return datetime.now(UTC)


def milliseconds(start: datetime, end: datetime) -> float:
    """From one time to another, to a tenth of a millisecond."""
    return round((end - start).total_seconds() * 1000, 1)


@dataclass(slots=True)
class Found:
    """Ids that earlier chapters found for later ones."""

    source: str = ""
    records: str = ""
    heart: str = ""
    stream: str = ""
    study: str = ""
    agreement: str = ""
    transfer: str = ""
    release_seconds: float = 0.0
    further: list[str] = field(default_factory=list)
    stream_agreement: str = ""
    stream_transfer: str = ""
    accounts: dict[str, str] = field(default_factory=dict)
    """Person of the input -> account at the wallet."""
    devices: dict[str, str] = field(default_factory=dict)
    """Person of the input -> what their device shows at the ingest."""


@dataclass(slots=True)
class Stage:
    """One telling of the story."""

    hospital: Holder
    vendor: Holder
    wallet: Wallet
    research: ResearchGroup
    outbound: Outbound
    narrator: Narrator
    cast: Cast
    bundles: Path
    space: Path
    seed: int
    round: int = 1
    report: Report = field(default_factory=Report)
    found: Found = field(default_factory=Found)

    @property
    def offices(self) -> tuple[Office, ...]:
        """All four."""
        return self.hospital, self.vendor, self.wallet, self.research

    @property
    def starts(self) -> int:
        """How often processes have been started so far."""
        return sum(office.staff.served.starts for office in self.offices)

    @property
    def hero(self) -> Part:
        """The person who stops while data flows."""
        withdrawing = self.cast.withdrawing
        if withdrawing is None:
            raise LookupError("nobody in this cast can say yes")
        return withdrawing

    def keep_only(self, numbers: set[str]) -> None:
        """Nobody plays whose records the hospital did not take in. Raises Unfulfilled when no story is left."""
        taken = [part.person for part in self.cast.parts if part.person.id in numbers]
        if len(taken) < len(self.cast.parts):
            self.cast = cast_of(taken, now())
        if self.cast.withdrawing is None:
            raise Unfulfilled("the hospital took in nobody who can decide: a living adult")

    @property
    def study_title(self) -> str:
        """Every round asks anew."""
        return "Heart and illness in daily life" + (f", round {self.round}" if self.round > 1 else "")


def subject(part: Part) -> str:
    """What the sign-in provider calls a person."""
    return f"person-{part.person.id}"


def full_name(part: Part) -> str:
    """A person's name as people say it."""
    return f"{part.person.given} {part.person.family}".strip()[:120] or f"Person {part.person.id[:8]}"


def birth_day(part: Part) -> str | None:
    """A birth date that is a whole day; None for less."""
    born = part.person.birth_date
    return born if born is not None and len(born) == len("2001-01-01") else None
