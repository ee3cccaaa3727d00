"""The duties we know, as values: what each one asks, of whom and when, and which parameters it takes.

A duty's parameters stand as refinements of its action or, where the action must be a plain text (Dataspace Protocol),
as constraints of the duty: both say the same here. A parameter, an operator or a value that is not in the table below
is not understood, and a duty that is not understood is one that nobody can carry out.

===================  ========  =====================================  =================================================
duty                 owed by   when                                   parameters
===================  ========  =====================================  =================================================
pseudonymise         provider  before anything leaves                 none
anonymise            provider  before anything leaves                 none
assess-risk          provider  before anything leaves                 what must at least be found, below
log                  consumer  with each transfer                     to whom
inform               consumer  with each transfer                     whom, within a period
delete               consumer  after a period from arrival, by an     within a period, by an instant; at most one
                               instant, or after the contract's end
erase-on-withdrawal  consumer  when a person asks for it              within a period; the times of a withdrawal below
report               consumer  after the contract was made            to whom; within a period or by an instant, exactly
                                                                      one
publish-results      consumer  after the contract was made            within a period or by an instant, exactly one
===================  ========  =====================================  =================================================

The times of a withdrawal are periods, each once, all of them optional: `stopWithin` (the recipient stops new use),
`backupsWithin` (what was erased is gone from its backups, too), and `freshness`: how long the holder, having heard
nothing from a person's wallet, may still rely on its copy of their consent.

What an assessment of risk must at least find are numbers, each once, all of them optional: `kAnonymity` (gteq; so many
people share each combination of what could single somebody out), `lDiversity` (gteq; so many different main diagnoses
among them), `tCloseness` (lteq; how far the diagnoses of such a group may be from those of everybody, 0 to 1) and
`uniqueShare` (lteq; the share of people who stand alone, 0 to 1). Without any of them it is measured and reported.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from policy.odrl import vocabulary as v


class Ower(StrEnum):
    """Which side of a contract owes a duty."""

    PROVIDER = "provider"
    CONSUMER = "consumer"


class When(StrEnum):
    """When a duty is due: before or with each transfer, after something, or when something happens."""

    BEFORE = "before"
    WITH = "with"
    AFTER = "after"
    ON_EVENT = "event"


@dataclass(frozen=True, slots=True)
class Known:
    """One duty that we know. `takes` are the parameters it may have, `timed` whether it must have a time."""

    key: str
    actions: tuple[str, ...]
    by: Ower
    when: When
    takes: frozenset[str] = frozenset()
    timed: bool = False


_WITHIN, _UNTIL, _PARTY = "within", "until", "party"
_TIMES = frozenset({_WITHIN, "stop", "backups", "freshness"})
THRESHOLDS = ("min_k", "min_l", "max_t", "max_unique")
"""What an assessment of risk must at least find: the parameters of its duty."""
_ALL = (
    Known("pseudonymise", (v.PSEUDONYMISE, f"{v.DPV}Pseudonymise"), Ower.PROVIDER, When.BEFORE),
    Known("anonymise", (f"{v.ODRL}anonymize", f"{v.IDS}ANONYMIZE", f"{v.DPV}Anonymise"), Ower.PROVIDER, When.BEFORE),
    Known("assess-risk", (v.ASSESS_RISK,), Ower.PROVIDER, When.BEFORE, frozenset(THRESHOLDS)),
    Known("log", (f"{v.CONCORD}log", f"{v.IDS}LOG"), Ower.CONSUMER, When.WITH, frozenset({_PARTY})),
    Known("inform", (f"{v.ODRL}inform", f"{v.IDS}NOTIFY"), Ower.CONSUMER, When.WITH, frozenset({_PARTY, _WITHIN})),
    Known(
        "delete", (f"{v.ODRL}delete", f"{v.IDS}DELETE", f"{v.DPV}Erase"), Ower.CONSUMER, When.AFTER,
        frozenset({_WITHIN, _UNTIL}),
    ),
    Known("erase-on-withdrawal", (v.ERASE_ON_WITHDRAWAL,), Ower.CONSUMER, When.ON_EVENT, _TIMES),
    Known(
        "report", (f"{v.CONCORD}report",), Ower.CONSUMER, When.AFTER, frozenset({_WITHIN, _UNTIL, _PARTY}), timed=True
    ),
    Known(
        "publish-results", (f"{v.CONCORD}publishResults",), Ower.CONSUMER, When.AFTER, frozenset({_WITHIN, _UNTIL}),
        timed=True,
    ),
)  # fmt: skip

KNOWN: Mapping[str, Known] = MappingProxyType({one.key: one for one in _ALL})
"""Every duty by its key."""

BY_ACTION: Mapping[str, Known] = MappingProxyType({iri: one for one in _ALL for iri in one.actions})
"""Every duty by each IRI its action may have."""


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time (xsd:duration): whole months, and a fixed rest."""

    months: int = 0
    rest: timedelta = timedelta()

    def after(self, moment: datetime) -> datetime:
        """Return the instant this long after another; a day the month does not have is its last one.

        Raises :class:`OverflowError` beyond the last instant there is.
        """
        year, month = divmod(moment.year * 12 + moment.month - 1 + self.months, 12)
        if year > moment.max.year:
            raise OverflowError("beyond the last instant there is")
        day = min(moment.day, monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + self.rest

    @property
    def longest(self) -> timedelta:
        """The longest it can be, whatever the months."""
        return timedelta(days=31 * self.months) + self.rest

    @property
    def shortest(self) -> timedelta:
        """The shortest it can be."""
        return timedelta(days=28 * self.months) + self.rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """A duty as a policy states it. `within` counts from what it is owed for, `until` is the last instant for it.

    `party` is whom it names: to be informed, to be reported to; `stop`, `backups` and `freshness` are the times of a
    withdrawal; `min_k` to `max_unique` are what an assessment of risk must at least find. `pointer` says where it
    stands and is no part of it.
    """

    key: str
    within: Period | None = None
    until: datetime | None = None
    party: str | None = None
    stop: Period | None = None
    backups: Period | None = None
    freshness: Period | None = None
    min_k: int | None = None
    min_l: int | None = None
    max_t: Decimal | None = None
    max_unique: Decimal | None = None
    pointer: str = field(default="", compare=False)

    @property
    def by(self) -> Ower:
        """Who owes it."""
        return KNOWN[self.key].by

    @property
    def when(self) -> When:
        """When it is owed."""
        return KNOWN[self.key].when

    def due(self, since: datetime) -> datetime | None:
        """Return the last instant for it if what it is owed for came at `since`; None if it states no time."""
        if self.until is not None:
            return self.until
        try:
            return self.within.after(since) if self.within is not None else None
        except OverflowError:
            return None


_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?",
    re.ASCII,
)


def period(text: str) -> Period:
    """Read a duration of at most 9,999 years (``P30D``, ``P6M``, ``PT12H``). Raises :class:`ValueError`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("not a duration of whole numbers, such as P30D")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    rest = timedelta(days=weeks * 7 + days, hours=hours, minutes=minutes, seconds=seconds)
    return Period(years * 12 + months, rest)
