"""What sets the people of a population apart under one question, as flags: a number for each row of its columns.

The person's gate is asked in the order in which it names its causes. Each of them alone is a no and only the first is
told, so nothing is looked at beyond it, and people with the same first cause are told the same.

Values are judged once each by the predicates of the gate itself and remembered; only instants, which hardly ever come
twice, are compared row by row. Whatever is looked at and has not the shape of its field in
:class:`~policy.consent.ConsentRecord` makes the consent unreadable.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from policy.categories import CATEGORIES
from policy.consent import MAX_LIST, Iri, State, Text
from policy.consent_gate import purposes_agreed, relied_upon
from policy.decision import Regime
from policy.facts import Facts, Question
from policy.legal_gate import opt_out_instants
from policy.reasons import Reason
from policy.residual import RELEASED, Residual, Scope

NOT_LINKED, UNREADABLE, NO_CONSENT, REFUSED, WITHDRAWN, SUSPENDED, EARLY, OVER = (1 << bit for bit in range(8))
CHANGED, RECIPIENT, PURPOSE, DATASET, SILENT = (1 << bit for bit in range(8, 13))
PERSONAL = (1 << 13) - 1
"""All flags of the person's gate; at most one of them is set."""

_LOOKED_AT = (
    (REFUSED, ("states",)),
    (EARLY, ("decided_at", "valid_until")),
    (CHANGED, ("digests",)),
    (RECIPIENT, ("recipients",)),
    (PURPOSE, ("purposes",)),
    (DATASET, ("data",)),
    (SILENT << 1, ("starts", "ends")),
)

BROKEN = 1 << 13
"""What nobody can make sense of."""

_OPT_OUT = 1 << 14
"""From here on, in three bits: 0 never opted out, else by how many of the instants that count for it, and one."""

_FIRST_FREE_BIT = 17
_REMEMBERED = 1 << 18
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXT: TypeAdapter[str] = TypeAdapter(Text)
_IRI: TypeAdapter[str] = TypeAdapter(Iri)
_INVALID = -1
_STATES: Mapping[object, int] = {
    None: NO_CONSENT,
    State.GIVEN: 0,
    State.REFUSED: REFUSED,
    State.WITHDRAWN: WITHDRAWN,
    State.SUSPENDED: SUSPENDED,
}

Column: TypeAlias = Sequence[Any]


def looked_at(code: int) -> frozenset[str]:
    """Return the columns about the consent that were looked at before the person's gate gave this flag, or none."""
    last = code & PERSONAL or PERSONAL + 1
    return frozenset(name for flag, names in _LOOKED_AT if flag <= last for name in names)


class _Remembering(dict[Any, int]):
    """What was made of each value; of very many different ones, no more than memory can bear."""

    def __init__(self, judge: Callable[[Any], int]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, value: Any) -> int:
        found = self._judge(value)
        if len(self) < _REMEMBERED:
            self[value] = found
        return found


class Flags:
    """Flags for one question. Above the flags stand one bit for each scope of `selected` that the person's data miss,
    one for each that their window misses, and above these a number for the provider's own reasons.
    """

    def __init__(self, question: Question, facts: Facts, selected: Residual) -> None:
        self._question = question
        self._selected = selected.scopes
        self._opt_outs = sorted({question.now, *opt_out_instants(question, facts)})
        self._heard = relied_upon(question.now, facts.freshness)
        self._data_bit = _FIRST_FREE_BIT
        self._window_bit = self._data_bit + len(self._selected)
        self._stops_bit = self._window_bit + len(self._selected)
        self._every = (2 << len(self._selected)) - 1
        self._all_kinds = self._bits(Scope(question.dataset, None, None, None))
        self._names, self._iris = _Remembering(self._name), _Remembering(self._iri)
        self._datasets, self._kinds = _Remembering(self._dataset), _Remembering(self._kind)
        judges = (self._state, self._digest, self._recipients, self._purposes, self._data)
        self._judged = tuple(map(_Remembering, judges))
        self._stops, self._numbers = _Remembering(self._stop), {(): 0}

    def of(self, columns: Sequence[Column]) -> list[int]:
        """Return the number of each row; the columns are those of :meth:`policy.columns.Columns.rows`."""
        of_each = self._by_consent if self._question.regime is Regime.CONSENT else self._by_permit
        try:
            return of_each(columns)
        except TypeError:
            # Something cannot be hashed or compared. Such values are few or none: pay for looking only now.
            return of_each(_cleaned(columns))

    def _by_permit(self, columns: Sequence[Column]) -> list[int]:
        opt_outs, stops = self._opt_outs, self._stops
        return [
            (0 if opted is None else (bisect_left(opt_outs, opted) + 1) * _OPT_OUT) | stops[stopped]
            for opted, stopped in zip(*columns[-2:], strict=True)
        ]

    def _by_consent(self, columns: Sequence[Column]) -> list[int]:
        found = self._of_gate(columns)
        if UNREADABLE in found:  # a doubt that a certain no of the law or the provider outweighs
            law = self._by_permit(columns)
            found = [code | more if code == UNREADABLE else code for code, more in zip(found, law, strict=True)]
        for number, scope in enumerate(self._selected):
            if scope.start is not None or scope.end is not None:
                found = _outside(found, columns[6:8], scope, 1 << self._window_bit + number)
        return found

    def _of_gate(self, columns: Sequence[Column]) -> list[int]:
        now, opt_outs, (first, last) = self._question.now, self._opt_outs, self._heard
        states, digests, recipients, purposes, data, stops = (*self._judged, self._stops)
        return [
            NOT_LINKED if linked is not True
            else flag if (flag := states[state])
            else UNREADABLE if decided is None or until is None
            else EARLY if now < decided
            else OVER if now >= until
            else flag if (flag := digests[digest])
            else flag if (flag := recipients[named])
            else flag if (flag := purposes[agreed])
            else flag if (flag := data[scopes]) & PERSONAL
            else SILENT if heard is None or not first <= heard <= last
            else UNREADABLE if not (
                (start is None or start.__class__ is date) and (end is None or end.__class__ is date)
                and (start is None or end is None or start <= end)
            )
            else flag | stops[stopped] | (0 if opted is None else (bisect_left(opt_outs, opted) + 1) * _OPT_OUT)
            for linked, state, digest, named, agreed, scopes, start, end, decided, until, heard, opted, stopped
            in zip(*columns, strict=True)
        ]  # fmt: skip

    # --- what is made of one value ------------------------------------------------------------------------------------

    def _state(self, value: object) -> int:
        return _STATES.get(value, UNREADABLE)

    def _digest(self, value: object) -> int:
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            return UNREADABLE
        return 0 if value == self._question.study_digest else CHANGED

    def _recipients(self, value: object) -> int:
        found = _union(value, self._names)
        return UNREADABLE if found == _INVALID else 0 if found else RECIPIENT

    def _name(self, value: object) -> int:
        return int(value == self._question.requester) if _valid(_TEXT, value) else _INVALID

    def _purposes(self, value: object) -> int:
        found = _union(value, self._iris)
        everything = (1 << len(self._question.purposes)) - 1
        return UNREADABLE if found == _INVALID else 0 if found == everything else PURPOSE

    def _iri(self, value: str) -> int:
        """One bit for each purpose asked for that lies within this one."""
        if not _valid(_IRI, value):
            return _INVALID
        return sum(1 << bit for bit, asked in enumerate(self._question.purposes) if purposes_agreed([value], [asked]))

    def _data(self, value: object) -> int:
        if not isinstance(value, tuple) or len(value) > MAX_LIST:
            return UNREADABLE
        found = 0
        for one in value:
            kinds = self._kinds_of(*one) if isinstance(one, tuple) and len(one) == 2 else _INVALID
            if kinds == _INVALID:
                return UNREADABLE
            found |= kinds
        return (self._every & ~found) >> 1 << self._data_bit if found else DATASET

    def _kinds_of(self, name: object, keys: object) -> int:
        """One bit for the dataset that was asked for, and one for each scope of the selection that has such data."""
        kinds = self._all_kinds if keys is None else _union(keys, self._kinds)
        dataset = self._datasets[name]
        if isinstance(keys, tuple | frozenset) and not 0 < len(keys) == len(set(keys)):
            return _INVALID
        return kinds if dataset == 1 or kinds == _INVALID else dataset

    def _dataset(self, value: object) -> int:
        return int(value == self._question.dataset) if _valid(_TEXT, value) else _INVALID

    def _kind(self, key: object) -> int:
        if key not in CATEGORIES:
            return _INVALID
        return self._bits(Scope(self._question.dataset, (str(key),), None, None))

    def _bits(self, mine: Scope) -> int:
        undated = (Scope(one.dataset, one.categories, None, None) for one in self._selected)
        return 1 + sum(2 << bit for bit, one in enumerate(undated) if mine.meets(one) == RELEASED)

    def _stop(self, value: object) -> int:
        if not isinstance(value, tuple) or not all(isinstance(one, Reason) for one in value):
            return BROKEN
        return self._numbers.setdefault(value, len(self._numbers)) << self._stops_bit


def _outside(found: list[int], windows: Sequence[Column], scope: Scope, bit: int) -> list[int]:
    """Return the numbers with the bit added where a window that counts has no day of the scope."""
    first, last = scope.start or date.min, scope.end or date.max
    return [
        code if code & PERSONAL or ((start is None or start <= last) and (end is None or first <= end)) else code | bit
        for code, start, end in zip(found, *windows, strict=True)
    ]


def _union(value: object, bits: _Remembering) -> int:
    """Join what is known of each item of a list, or :data:`_INVALID` if it is none or one of them is."""
    if not isinstance(value, tuple | frozenset) or len(value) > MAX_LIST:
        return _INVALID
    found = 0
    for item in value:
        found |= bits[item]  # one that is invalid has all bits, so it stays
    return found


def _valid(kind: TypeAdapter[str], value: object) -> bool:
    try:
        return isinstance(value, str) and bool(kind.validate_python(value))
    except ValidationError:
        return False


# --- what cannot be hashed or compared --------------------------------------------------------------------------------

_UNFIT = ...
"""A value that fits no column."""


def _cleaned(columns: Sequence[Column]) -> list[Column]:
    """Return the columns with every value fit to be hashed or compared; one that was not fits nothing."""
    linked, *values = columns[:6]
    starts, ends, decided, until, heard, opted, stops = columns[6:]
    fit = [[_hashable(one) for one in column] for column in (*values, stops)]
    times = [[one if is_instant(one) else None for one in column] for column in (decided, until, heard, opted)]
    # An opt-out that cannot be read must not pass for none: it stops everything, as a reason that is none does.
    fit[-1] = [
        _UNFIT if moment is None and written is not None else stop
        for moment, written, stop in zip(times[-1], opted, fit[-1], strict=True)
    ]
    return [linked, *fit[:-1], starts, ends, *times, fit[-1]]


def is_instant(value: object) -> bool:
    """Whether the value is a point in time, not only a time on some wall."""
    return isinstance(value, datetime) and value.utcoffset() is not None


def _hashable(value: object, depth: int = 3) -> object:
    if isinstance(value, list | tuple) and depth:
        return tuple(_hashable(one, depth - 1) for one in value)
    try:
        hash(value)
    except TypeError:
        return frozenset(value) if isinstance(value, set) else _UNFIT
    return value
