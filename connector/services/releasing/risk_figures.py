"""Measuring how easily people could be singled out: k, l, t and uniqueness over rows of released values (DuckDB).

A *class* is everybody with the same value in every quasi-identifier; a missing value is a value. The definitions are
the published ones, as pyCANON 1.3 measures them: k is the smallest class; l the fewest different sensitive values in a
class, entropy l the smallest exp(-sum p ln p) of one; t the greatest distance between the sensitive values of a class
and those of everybody, as earth mover's distance with equal distances, which is the total variation; delta the
greatest |ln(p / q)| of a value in a class against everybody.

This is the only door of DuckDB among the services: one connection in memory with a bound, without files, network or
extensions, in a process of its own (`risk_process`). Its errors may quote values, so none is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from fractions import Fraction
from math import exp
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

MEMORY = "256MB"
HANDFUL = 5
"""Below so many people nothing can be said about how sensitive values are spread."""
_PORTION = 8192
_BANDS = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, None))
_LOCKED = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


class NotMeasured(Exception):
    """The figures could not be computed; without words, since those of the engine may hold values."""


@dataclass(frozen=True, slots=True)
class Band:
    """Classes of about the same size: `least` to `most` people each (None: or more), how many, with whom in all."""

    least: int
    most: int | None
    classes: int
    people: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. None: it cannot be said. `alone` counts people in classes of one.

    `t` is exact. `values` is, per quasi-identifier, how many different values it has (0: nobody has one); `without`
    k and how many would stand alone if it were left out, for those that have any.
    """

    people: int = 0
    classes: int = 0
    k: int | None = None
    alone: int = 0
    distinct_l: int | None = None
    entropy_l: float | None = None
    t: Fraction | None = None
    delta: float | None = None
    bands: tuple[Band, ...] = ()
    values: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    without: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def unique(self) -> Fraction | None:
        """The share of people who stand alone; None where there is nobody."""
        return Fraction(self.alone, self.people) if self.people else None

    @property
    def highest(self) -> Fraction | None:
        """Prosecutor risk: the greatest chance to pick the right record of somebody known to be in the data, 1/k."""
        return Fraction(1, self.k) if self.k else None

    @property
    def average(self) -> Fraction | None:
        """Marketer risk: the share of people found right when everybody is looked for, classes/people."""
        return Fraction(self.classes, self.people) if self.people else None

    def wire(self) -> dict[str, Any]:
        """As JSON says it, nothing lost."""
        whole = {one.name: getattr(self, one.name) for one in fields(self)}
        bands = [[one.least, one.most, one.classes, one.people] for one in self.bands]
        t = None if self.t is None else [self.t.numerator, self.t.denominator]
        return whole | {"bands": bands, "t": t, "values": dict(self.values), "without": dict(self.without)}

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Figures:
        """What `wire` wrote."""
        bands = tuple(Band(*one) for one in said["bands"])
        without = {name: (k, alone) for name, (k, alone) in said["without"].items()}
        t = None if said["t"] is None else Fraction(*said["t"])
        return cls(**{**said, "bands": bands, "t": t, "without": without})


class Measuring:
    """Takes rows and gives their figures. Blocks: call it in a thread. Every method raises `NotMeasured`.

    A row holds one text (or None) per quasi-identifier of `names`, and the sensitive value last.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._columns = [f"q{place}" for place in range(len(self._names))]
        self._rows: list[tuple[str | None, ...]] = []
        self._connection: duckdb.DuckDBPyConnection | None = None

    def open(self) -> Measuring:
        """Begin. Whoever opens it closes it."""
        import duckdb

        with _unsaid():
            self._connection = duckdb.connect(":memory:", config=_config())
            for setting in _LOCKED:
                self._connection.execute(setting)
            columns = ", ".join(f"{name} VARCHAR" for name in (*self._columns, "s"))
            self._connection.execute(f"CREATE TABLE people ({columns})")
        return self

    def close(self) -> None:
        """Let everything go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def add(self, rows: Iterable[tuple[str | None, ...]]) -> None:
        """Take rows in."""
        self._rows.extend(rows)
        if len(self._rows) >= _PORTION:
            self._put()

    def figures(self, *, sensitive: bool = True) -> Figures:
        """Everything about the rows so far; without `sensitive`, or of a handful, nothing about sensitive values."""
        self._put()
        people, classes, k, alone = self._one(self._classes(), f"sum(n), count(*), min(n), {_ALONE}")
        if not people:
            return Figures()
        spread = self._spread(int(people)) if sensitive and people >= HANDFUL else {}
        values = self._values()
        return Figures(
            people=int(people), classes=classes, k=int(k), alone=int(alone), bands=self._bands(),
            values=MappingProxyType(values), without=MappingProxyType(dict(self._without(values))), **spread,
        )  # fmt: skip

    def _put(self) -> None:
        if not self._rows:
            return
        import pyarrow

        columns = list(zip(*self._rows, strict=True))
        self._rows = []
        with _unsaid():
            arrays = [pyarrow.array(column, pyarrow.string()) for column in columns]
            table = pyarrow.table(arrays, names=[*self._columns, "s"])
            self._open.register("portion", table)
            self._open.execute("INSERT INTO people SELECT * FROM portion")
            self._open.unregister("portion")

    def _spread(self, people: int) -> dict[str, Any]:
        """How the sensitive value is spread. A cell is a class and one of its values: c of the n people of the class
        have it, and g of everybody."""
        by, keys = f"PARTITION BY {', '.join(self._columns)}" if self._columns else "", ", ".join(self._columns)
        sums = f"*, sum(c) OVER ({by})::BIGINT AS n, sum(c) OVER (PARTITION BY s)::BIGINT AS g"
        with _unsaid():
            self._open.execute("DROP TABLE IF EXISTS cells")
            grouped = ", ".join((*self._columns, "s"))
            self._open.table("people").aggregate(f"{grouped}, count(*) AS c", grouped).project(sums).create("cells")
            cells = self._open.table("cells")
            # Half the sum of all differences of shares is the sum of those above zero; whole numbers keep it exact.
            above = f"sum(greatest(c * {people}::BIGINT - g * n, 0))::HUGEINT AS above"
            told = f"count(*) AS kinds, -sum(c / n * ln(c / n)) AS h, any_value(n) AS n, {above}"
            classes = cells.aggregate(told, keys) if keys else cells.aggregate(told)
        fewest, entropy = self._one(classes, "min(kinds), min(h)")
        most, size = self._one(classes, "arg_max(above, above / n), arg_max(n, above / n)")
        (delta,) = self._one(cells, f"max(abs(ln(c / n * {people} / g)))")
        return {
            "distinct_l": int(fewest), "entropy_l": exp(max(entropy, 0.0)),
            "t": Fraction(int(most), int(size) * people), "delta": float(delta),
        }  # fmt: skip

    def _bands(self) -> tuple[Band, ...]:
        with _unsaid():
            sizes = self._classes().aggregate("n, count(*)", "n").fetchall()
        found = []
        for least, most in _BANDS:
            inside = [(n, classes) for n, classes in sizes if n >= least and (most is None or n <= most)]
            found.append(Band(least, most, sum(c for _, c in inside), sum(n * c for n, c in inside)))
        return tuple(found)

    def _values(self) -> dict[str, int]:
        told = ", ".join(f"count(DISTINCT {column})" for column in self._columns)
        counts = self._one(self._open.table("people"), told) if told else ()
        return dict(zip(self._names, counts, strict=True))

    def _without(self, values: Mapping[str, int]) -> Iterable[tuple[str, tuple[int, int]]]:
        for name, column in zip(self._names, self._columns, strict=True):
            if values[name]:
                k, alone = self._one(self._classes(column), f"min(n), {_ALONE}")
                yield name, (int(k), int(alone))

    def _classes(self, but: str = "") -> duckdb.DuckDBPyRelation:
        keys = ", ".join(one for one in self._columns if one != but)
        people = self._open.table("people")
        return people.aggregate("count(*) AS n", keys) if keys else people.aggregate("count(*) AS n")

    @staticmethod
    def _one(relation: duckdb.DuckDBPyRelation, told: str) -> tuple[Any, ...]:
        with _unsaid():
            return tuple(relation.aggregate(told).fetchall()[0])

    @property
    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise NotMeasured
        return self._connection


_ALONE = "count(*) FILTER (WHERE n = 1)"


@contextmanager
def _unsaid() -> Iterator[None]:
    """Whatever the engine says is not repeated: it may quote values."""
    import duckdb
    import pyarrow

    try:
        yield
    except (duckdb.Error, pyarrow.ArrowException, MemoryError, UnicodeError):
        raise NotMeasured from None


def _config() -> dict[str, Any]:
    return {
        "threads": 1, "memory_limit": MEMORY, "temp_directory": "", "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }  # fmt: skip
