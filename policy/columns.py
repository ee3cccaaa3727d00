"""A population as columns: what many people answered to one study at one holder, one row per person, in no order.

A column is a plain sequence; a value that is missing (None) or of another shape is never a yes. People whose answer
does not fit into a row (several consents to the study, a history that does not add up) are kept whole in `others`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, TypeAlias

from policy.consent import ConsentRecord, DataScope, Signer, State, Window, Words
from policy.consent_gate import chain_faults, newest_versions
from policy.directives.model import Directive
from policy.facts import Facts, OptOut
from policy.reasons import Reason

Data: TypeAlias = tuple[tuple[str, tuple[str, ...] | None], ...]
"""What a consent covers: datasets with their categories, None for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a holder knows of one person that bears on a decision; the fields are those of `policy.facts.Facts`."""

    link: str | None = None
    consents: tuple[ConsentRecord, ...] = ()
    unreadable_consents: int = 0
    heard_from_wallet_at: datetime | None = None
    opted_out_at: datetime | None = None
    past_opt_outs: tuple[OptOut, ...] = ()
    stops: tuple[Reason, ...] = ()
    subjects: frozenset[str] = frozenset()
    directives: tuple[Directive, ...] = ()
    unreadable_directives: int = 0
    known_actors: frozenset[str] = frozenset()

    def facts(self, shared: Facts) -> Facts:
        """Return the facts of a decision about this person; `shared` holds what is the same for everybody."""
        return replace(shared, **self.stated())

    def stated(self) -> dict[str, Any]:
        """Return each of these facts by its name."""
        return dict(zip(_OF_PERSON, _every(self), strict=True))


_OF_PERSON = tuple(one.name for one in fields(Person))
_every = attrgetter(*_OF_PERSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Rows of equal number. Raises :class:`ValueError` if one column is longer than another.

    `linked` says whether the person has an active link. `states` to `valid_until` are the fields of their consent to
    `study` (None in `states`: they have none; the others then do not count), with the window in `starts` and `ends`
    (None: open). `stops` are the provider's own reasons about this person.
    """

    study: str
    holder: str
    linked: Sequence[bool]
    states: Sequence[str | None]
    digests: Sequence[str | None]
    recipients: Sequence[tuple[str, ...] | None]
    purposes: Sequence[tuple[str, ...] | None]
    data: Sequence[Data | None]
    starts: Sequence[date | None]
    ends: Sequence[date | None]
    decided_at: Sequence[datetime | None]
    valid_until: Sequence[datetime | None]
    heard_at: Sequence[datetime | None]
    opted_out_at: Sequence[datetime | None]
    stops: Sequence[tuple[Reason, ...]]
    others: Mapping[int, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({len(column) for column in self.rows()}) > 1:
            raise ValueError("every column has one value per person")

    def __len__(self) -> int:
        return len(self.states)

    def rows(self) -> tuple[Sequence[object], ...]:
        """Return the columns in the order of their names above."""
        return tuple(getattr(self, name) for name in _ROW)

    def record(self, row: int, names: Collection[str]) -> ConsentRecord:
        """Return the consent of a row as a record that holds these columns, unchecked; everything else is made up."""
        read = {field: make(getattr(self, name)[row]) for name, (field, make) in _FIELDS.items() if name in names}
        if "starts" in names and (self.starts[row] or self.ends[row]):
            read["window"] = Window(start=self.starts[row], end=self.ends[row])
        return _PATTERN.model_copy(update={"study": self.study, "holder": self.holder, **read})


_OF_ROWS = frozenset({State.GIVEN, State.REFUSED, State.WITHDRAWN, State.SUSPENDED})

_ROW = tuple(one.name for one in fields(Columns) if one.name not in {"study", "holder", "others"})

_FIELDS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "states": ("state", State),
    "decided_at": ("decided_at", lambda moment: moment),
    "valid_until": ("valid_until", lambda moment: moment),
    "digests": ("study_digest", str),
    "recipients": ("recipients", tuple),
    "purposes": ("purposes", tuple),
    "data": ("data", lambda data: tuple(DataScope(dataset=name, categories=keys) for name, keys in data)),
}

LINK = "urn:uuid:00000000-0000-4000-8000-000000000000"
"""The link, and the id of the consent, of a row that is looked at by itself."""

_PATTERN = ConsentRecord.model_construct(
    id=LINK, version=1, previous=None, state=State.GIVEN, study="", study_digest="", link=LINK, holder="", wallet="-",
    recipients=(), purposes=(), data=(), window=None, on_withdrawal=None,
    decided_at=datetime.min.replace(tzinfo=UTC), valid_until=datetime.max.replace(tzinfo=UTC),
    words=Words(version="-", language="en", digest="0" * 64), signer=Signer(kind="self", authority=None),
)  # fmt: skip


def fits_no_row(person: Person) -> bool:
    """Whether there is more to a person than a row holds, whatever they answered to a study."""
    return bool(person.directives or person.unreadable_directives or person.past_opt_outs)


def columns_of(people: Iterable[Person], study: str, holder: str) -> Columns:
    """Return these people as columns, in their order, for the questions about one study at one holder."""
    filling = _Filling(study, holder)
    for person in people:
        filling.add(person)
    return Columns(study=study, holder=holder, others=filling.others, **filling.columns)


class _Filling:
    def __init__(self, study: str, holder: str) -> None:
        self.study, self.shared = study, Facts(holder=holder)
        self.columns: dict[str, list[Any]] = {name: [] for name in _ROW}
        self.others: dict[int, Person] = {}
        self._same: dict[object, object] = {}

    def add(self, person: Person) -> None:
        answers = self._answers(person)
        if answers is None:
            self.others[len(self.columns["states"])] = person
        one = answers[0] if answers else None
        row = {
            "linked": person.link is not None,
            "heard_at": person.heard_from_wallet_at,
            "opted_out_at": person.opted_out_at,
            "stops": person.stops,
        } | _consent(one)
        for name, column in self.columns.items():
            value = row.get(name)
            column.append(self._same.setdefault(value, value) if isinstance(value, tuple) else value)

    def _answers(self, person: Person) -> list[ConsentRecord] | None:
        """The person's one consent to the study, an empty list without one; None for what is no row."""
        if fits_no_row(person):
            return None
        if person.link is None:
            return []
        facts = person.facts(self.shared)
        if person.unreadable_consents or any(chain_faults(facts)):
            return None
        newest = [record for record in newest_versions(person.consents) if record.study == self.study]
        return newest if len(newest) < 2 and all(map(_fits, newest)) else None


def _fits(record: ConsentRecord) -> bool:
    """Whether a row can hold what matters of the consent."""
    return record.state in _OF_ROWS and record.signer.until is None and not record.replaces


def _consent(record: ConsentRecord | None) -> dict[str, object]:
    if record is None:
        return {}
    return {
        "states": record.state,
        "digests": record.study_digest,
        "recipients": record.recipients,
        "purposes": record.purposes,
        "data": tuple((scope.dataset, scope.categories) for scope in record.data),
        "starts": record.window.start if record.window else None,
        "ends": record.window.end if record.window else None,
        "decided_at": record.decided_at,
        "valid_until": record.valid_until,
    }
