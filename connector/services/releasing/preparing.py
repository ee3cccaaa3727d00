"""From what was chosen to lines: records through worker processes, of each person all of them or, on a leak, none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from connector.dataplane.parcels import LEAK
from connector.ports import Parcel, PersonCoder, Place, Prepared, Renderer, Task, Transaction
from connector.services.context import Context
from connector.services.releasing.contract import Contract
from connector.services.releasing.quarantine import hold

if TYPE_CHECKING:
    from connector.services.releasing.selecting import Chosen

_TASK = 1024 * 1024
"""Bytes of records in one task: a worker's answer is waited for, and people with little share one."""


@dataclass(frozen=True, slots=True)
class Lines:
    """One person's lines, and how many members of their records were left behind.

    `places` says where identifiers were found in them; `held` are the lines then, and `lines` are none.
    """

    lines: tuple[bytes, ...]
    withheld: Counter[str]
    dropped: int = 0
    places: tuple[Place, ...] = ()
    held: tuple[bytes, ...] = ()

    @property
    def quarantined(self) -> bool:
        """Whether an identifier was found."""
        return bool(self.places)


async def prepare(renderer: Renderer, contract: Contract, chosen: Chosen, coder: PersonCoder, as_of: date) -> Lines:
    """Prepare everything chosen of one person."""
    return (await prepare_all(renderer, contract, [(chosen, coder)], as_of))[0]


async def prepare_all(
    renderer: Renderer, contract: Contract, people: Sequence[tuple[Chosen, PersonCoder]], as_of: date
) -> list[Lines]:
    """Prepare everything chosen of several people, in their order."""
    whose, tasks = [], []
    for numbers, parcels in _tasks(people):
        whose.append(numbers)
        tasks.append(task_of(contract, as_of, parcels))
    found: list[list[Prepared]] = [[] for _ in people]
    for numbers, answer in zip(whose, await asyncio.gather(*map(renderer.render, tasks)), strict=True):
        for number, prepared in zip(numbers, answer, strict=True):
            found[number].append(prepared)
    return [_lines(chosen, prepared) for (chosen, _), prepared in zip(people, found, strict=True)]


def _tasks(people: Sequence[tuple[Chosen, PersonCoder]]) -> Iterator[tuple[list[int], list[Parcel]]]:
    """Parcels of about a megabyte together, each with the number of its person."""
    numbers: list[int] = []
    parcels: list[Parcel] = []
    size = 0
    for number, (chosen, coder) in enumerate(people):
        for portion in chosen.portions:
            weight = sum(map(len, portion))
            if parcels and size + weight > _TASK:
                yield numbers, parcels
                numbers, parcels, size = [], [], 0
            numbers.append(number)
            parcels.append(Parcel(coder, chosen.subject, tuple(portion), chosen.identifiers))
            size += weight
    if parcels:
        yield numbers, parcels


def _lines(chosen: Chosen, prepared: Sequence[Prepared]) -> Lines:
    withheld = Counter(chosen.withheld)
    lines = tuple(line for one in prepared for line in lines_of(one))
    if places := tuple(place for one in prepared for place in one.leaks):
        return Lines((), Counter({LEAK: len(lines)}), 0, places, lines)
    for one in prepared:
        withheld.update(line for line in one.lines if isinstance(line, str))
    return Lines(lines, withheld, sum(one.dropped for one in prepared))


def leaked(prepared: Prepared) -> Lines:
    """What was prepared, as lines that may not leave."""
    return Lines((), Counter(), 0, prepared.leaks, tuple(lines_of(prepared)))


def held_back(tx: Transaction, context: Context, contract: Contract, release: str, person: str, lines: Lines) -> None:
    """An identifier was found in what would have left of a person: it is kept sealed, and logged."""
    hold(tx, context, release, contract.agreement.id, person, lines.held, lines.places)


def task_of(contract: Contract, as_of: date, parcels: list[Parcel]) -> Task:
    """A task under the contract's profile, which a permit has shown to be the agreed one."""
    if contract.profile is None:
        raise ValueError("without a profile nothing is prepared")
    return Task(
        contract.profile.name, contract.profile.digest, as_of, tuple(parcels), contract.text, contract.release
    )  # fmt: skip


def lines_of(prepared: Prepared) -> list[bytes]:
    """The lines, without the refusals."""
    return [line for line in prepared.lines if isinstance(line, bytes)]
