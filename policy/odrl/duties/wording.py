"""Duties in words, for the people who must keep them and for those who are asked."""

from calendar import month_name
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from policy.instants import TICK
from policy.odrl.duties.known import THRESHOLDS, Duty, Period


def words(duty: Duty) -> str:
    """Return one duty as a sentence for people."""
    return " ".join((_plainly(duty), *_times(duty), *_found(duty)))


def _plainly(duty: Duty) -> str:
    said = _SAID[duty.key]
    whom = f" ({duty.party})" if duty.party else ""
    if duty.until is not None:
        return said.by_instant.format(moment=_moment(duty.until), whom=whom)
    if duty.within is not None:
        return said.by_period.format(period=length(duty.within), whom=whom)
    return said.plain.format(whom=whom)


def _times(duty: Duty) -> Iterator[str]:
    """The times of a withdrawal that a duty states beside that of erasing."""
    if duty.stop is not None:
        yield f"New use of it must stop within {length(duty.stop)}."
    if duty.backups is not None:
        yield f"It must be gone from backups within {length(duty.backups)}."
    if duty.freshness is not None:
        yield f"A consent counts no more once the person's wallet was silent for {length(duty.freshness)}."


def _found(duty: Duty) -> Iterator[str]:
    """What an assessment of risk must at least find, else nothing leaves."""
    if duty.min_k is not None:
        yield f"At least {duty.min_k} people must share each combination of such features."
    if duty.max_unique is not None:
        yield f"At most {share(duty.max_unique)} of the people may be the only one with theirs."
    if duty.min_l is not None:
        yield f"Among those who share one there must be at least {duty.min_l} different main diagnoses."
    if duty.max_t is not None:
        yield f"How often a diagnosis occurs among them may differ by at most {share(duty.max_t)} from everybody."
    if any(getattr(duty, name) is not None for name in THRESHOLDS):
        yield "Otherwise nothing leaves."


def share(part: Decimal) -> str:
    """A share as a percentage, with all the digits it was stated with: `5 %`, `0.25 %`."""
    percent = (part * 100).normalize()
    return f"{percent:f} %"


class _Said(NamedTuple):
    plain: str
    by_period: str = ""
    by_instant: str = ""


_SAID: Mapping[str, _Said] = MappingProxyType(
    {
        "pseudonymise": _Said(
            "Names and other marks of a person are replaced by a code name before anything leaves."
        ),
        "anonymise": _Said("Nothing that points to a person may remain in the data."),
        "assess-risk": _Said(
            "Before anything leaves it is measured how easily somebody could be singled out by features such as year "
            "of birth, sex and region."
        ),
        "log": _Said("The recipient must write down each transfer in its log{whom}."),
        "inform": _Said(
            "The data holder must be told about each use{whom}.",
            "The data holder must be told about each use within {period}{whom}.",
        ),
        "delete": _Said(
            "The data must be deleted when the work is done.",
            "The data must be deleted within {period} after it arrived.",
            "The data must be deleted by {moment}.",
        ),
        "erase-on-withdrawal": _Said(
            "When a person asks for it, what was received about them must be deleted.",
            "When a person asks for it, what was received about them must be deleted within {period}.",
        ),
        "report": _Said(
            "The recipient must report to the data holder{whom}.",
            "The recipient must report to the data holder within {period} after the contract was made{whom}.",
            "The recipient must report to the data holder by {moment}{whom}.",
        ),
        "publish-results": _Said(
            "The results must be published.",
            "The results must be published within {period} after the contract was made.",
            "The results must be published by {moment}.",
        ),
    }
)  # fmt: skip


def length(period: Period) -> str:
    """Return a period in whole years, months, days, hours and so on, without what is nothing."""
    rest = period.rest + TICK if (period.rest + TICK).microseconds == 0 else period.rest
    years, months = divmod(period.months, 12)
    hours, seconds = divmod(rest.seconds, 3600)
    counted = zip(
        (years, months, rest.days, hours, *divmod(seconds, 60)),
        ("year", "month", "day", "hour", "minute", "second"), strict=True,
    )  # fmt: skip
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counted if count]
    return " and ".join(parts) or "no time"


def _moment(moment: datetime) -> str:
    said = f"{moment.day} {month_name[moment.month]} {moment.year}"
    whole_day = f"{moment:%H:%M:%S}" == "23:59:59"
    return said if whole_day else f"{said}, {moment:%H:%M} UTC"
