"""From a decision to lines: a person's records through worker processes, all of them or, on a leak, none."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from connector.dataplane.parcels import LEAK
from connector.ports import Parcel, PersonCoder, Prepared, Renderer, Task
from connector.services.releasing.contract import Contract

if TYPE_CHECKING:
    from connector.services.releasing.selecting import Chosen


@dataclass(frozen=True, slots=True)
class Lines:
    """One person's lines. `quarantined` says that an identifier was found in them, and then there are none."""

    lines: tuple[bytes, ...]
    withheld: Counter[str]
    quarantined: bool = False


async def prepare(renderer: Renderer, contract: Contract, chosen: Chosen, coder: PersonCoder, as_of: date) -> Lines:
    """Prepare everything chosen of one person."""
    tasks = [task_of(contract, as_of, [_parcel(chosen, portion, coder)]) for portion in chosen.portions]
    prepared = [found for answer in await asyncio.gather(*map(renderer.render, tasks)) for found in answer]
    withheld = Counter(chosen.withheld)
    for one in prepared:
        withheld.update(line for line in one.lines if isinstance(line, str))
    if any(one.leaks for one in prepared):
        return Lines((), Counter({LEAK: sum(len(lines_of(one)) for one in prepared)}), quarantined=True)
    return Lines(tuple(line for one in prepared for line in lines_of(one)), withheld)


def task_of(contract: Contract, as_of: date, parcels: list[Parcel]) -> Task:
    """A task under the contract's profile, which a permit has shown to be the agreed one."""
    if contract.profile is None:
        raise ValueError("without a profile nothing is prepared")
    return Task(contract.profile.name, contract.profile.digest, as_of, tuple(parcels))


def lines_of(prepared: Prepared) -> list[bytes]:
    """The lines, without the refusals."""
    return [line for line in prepared.lines if isinstance(line, bytes)]


def _parcel(chosen: Chosen, portion: list[bytes], coder: PersonCoder) -> Parcel:
    return Parcel(coder, chosen.subject, tuple(portion), chosen.identifiers)
