"""Collecting what broke the policy and what nobody can tell, bounded in number; a later remedy can mend an offence."""

from datetime import datetime

from policy.odrl.monitoring.lives import Cause
from policy.odrl.monitoring.report import Doubt, Violation

MAX_LISTED = 10_000
"""How many violations, and how many doubts, a report names; the rest are counted."""


class Offence:
    """A violation while the log is read: standing until it is mended."""

    __slots__ = ("at", "cause", "event", "mended", "rule")

    def __init__(self, cause: Cause, event: int | None, rule: int | None, at: datetime | None) -> None:
        self.cause, self.event, self.rule, self.at = cause, event, rule, at
        self.mended: int | None = None


class Docket:
    """All offences and doubts of one log."""

    __slots__ = ("_doubts", "_offences", "standing", "unlisted")

    def __init__(self) -> None:
        self._offences: list[Offence] = []
        self._doubts: list[Doubt] = []
        self.standing = self.unlisted = 0

    def offend(self, offence: Offence) -> Offence:
        """Take an offence in."""
        self.standing += 1
        if len(self._offences) < MAX_LISTED:
            self._offences.append(offence)
        else:
            self.unlisted += 1
        return offence

    def mend(self, offences: list[Offence], event: int) -> None:
        """Close offences because of an event, and forget them in the list given."""
        for offence in offences:
            offence.mended = event
        self.standing -= len(offences)
        offences.clear()

    def doubt(self, doubt: Doubt) -> None:
        """Take in what cannot be told."""
        if len(self._doubts) < MAX_LISTED:
            self._doubts.append(doubt)
        else:
            self.unlisted += 1

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What is listed, in the order it happened."""
        return tuple(Violation(one.cause, one.event, one.rule, one.at, one.mended) for one in self._offences)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What is listed, in the order it came up."""
        return tuple(self._doubts)
