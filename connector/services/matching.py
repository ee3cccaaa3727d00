"""Who of one source may be who of another: records matched inside the vault, on names, birth dates and places.

What people are matched on is kept apart from their records: sealed under a key of its own, bound to the source and to a
pseudonym that means nothing anywhere else. Candidates meet by keyed blocks, equal where one rule's values are equal, so
that nobody's values have to be opened to find them. Only candidates are opened, and each look is logged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

import orjson

from connector.ports import Transaction
from connector.problems import invalid, missing
from connector.records import MatchingEntry, Person, Source, SourceRecord
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.sealed import SealedInTransaction

WEIGHTS = {"family": 4, "given": 2, "birth": 5, "gender": 1, "postcode": 3, "identifier": 8}
"""How much it says that two records agree on a value; that they differ takes as much away."""
LEAST = 7
"""The weight from which two are shown as maybe one."""
RULES: Mapping[str, tuple[str, ...]] = {
    "name-and-birth": ("family", "birth"),
    "birth-and-place": ("birth", "gender", "postcode"),
    "names": ("family", "given", "gender"),
    "identifier": ("identifier",),
}
"""By which values candidates are found: two people meet in a rule when all of its values are the same."""
MOST_IN_BLOCK = 50
"""A block that more people share tells nobody apart and is passed over."""
_PORTION = 400
_ONE = "all"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people who may be one: the numbers by which their sources know them, and what they agree and differ in."""

    number: str
    other: str
    weight: int
    agree: list[str]
    differ: list[str]


@dataclass(frozen=True, slots=True)
class Matched:
    """What a look found. `opened` is how many people's values were opened for it."""

    pairs: list[Pair]
    people: int
    others: int
    opened: int


class Matching:
    """Keeps what people are matched on, and compares two sources by it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def compare(self, actor: Actor, source: str, other: str) -> Matched:
        """Everybody of one source who may be somebody of the other (or of the same one). Raises Problem 400, 403, 404.

        What they are matched on is taken anew from the sources first. Nothing follows from a pair by itself.
        """
        require(actor, "steward", "dpo", "operator")
        names = await self._context.store.read(lambda tx: (_source(tx, source), _source(tx, other)))
        for one in dict.fromkeys(names):
            await self._refresh(one)
        return await self._context.store.write(lambda tx: self._compare(tx, actor, *names))

    async def _refresh(self, source: str) -> None:
        store = self._context.store
        people = await store.read(lambda tx: tx.find(Person, source=source, order="id"))
        seen = set[str]()
        for start in range(0, len(people), _PORTION):
            some = people[start : start + _PORTION]
            seen |= await store.write(lambda tx, those=some: self._keep(tx, source, those))  # type: ignore[misc]
        await store.write(lambda tx: _forget(tx, source, seen))

    def _keep(self, tx: Transaction, source: str, people: Sequence[Person]) -> set[str]:
        """Seal what these people are matched on; returns their pseudonyms."""
        vault, now = self._context.vault, self._context.clock()
        domain = vault.domain(f"matching {source}", SealedInTransaction(tx))
        blocks, box = vault.domain("matching", SealedInTransaction(tx)).shared(), vault.box("matching")
        coders = domain.people(person.id for person in people)
        for person in people:
            code = coders[person.id].code
            values = _values(tx, person)
            tx.remove(MatchingEntry, source=source, pseudonym=code)
            sealed = box.seal(f"{source}|{code}", orjson.dumps({"number": person.source_id, **values}))
            tx.put(MatchingEntry(source=source, pseudonym=code, rule=_ONE, sealed=sealed, made_at=now))
            for rule, wanted in RULES.items():
                for value in _combined(values, wanted):
                    block = blocks.id(rule, value)
                    tx.put(
                        MatchingEntry(source=source, pseudonym=code, rule=f"{rule} {block}", block=block, made_at=now)
                    )
        return {coder.code for coder in coders.values()}

    def _compare(self, tx: Transaction, actor: Actor, source: str, other: str) -> Matched:
        pairs = sorted(_candidates(tx, source, other))
        wanted = {(source, one) for one, _ in pairs} | {(other, two) for _, two in pairs}
        opened = {key: self._opened(tx, *key) for key in sorted(wanted)}
        found = [_judged(opened[source, one], opened[other, two]) for one, two in pairs]
        kept = sorted((pair for pair in found if pair.weight >= LEAST), key=lambda pair: (-pair.weight, pair.number))
        self._context.log(
            tx, "vault.matched", source,
            {"by": actor.entry, "source": source, "other": other, "opened": len(opened), "pairs": len(kept)},
        )  # fmt: skip
        counts = [tx.count(MatchingEntry, source=one, rule=_ONE) for one in (source, other)]
        return Matched(kept, counts[0], counts[1], len(opened))

    def _opened(self, tx: Transaction, source: str, pseudonym: str) -> dict[str, list[str]]:
        entry = tx.get(MatchingEntry, source, pseudonym, _ONE)
        if entry is None:
            return {}
        values: dict[str, list[str]] = orjson.loads(
            self._context.vault.box("matching").open(f"{source}|{pseudonym}", entry.sealed)
        )
        return values


def _source(tx: Transaction, name: str) -> str:
    found = tx.find(Source, name=name, limit=1) or [one for one in [tx.get(Source, name)] if one]
    if not found:
        raise missing("There is no source of this name")
    if found[0].kind != "fhir":
        raise invalid("A device source names nobody", "source", "a source of records")
    return found[0].id


def _forget(tx: Transaction, source: str, seen: set[str]) -> None:
    """Who is no longer in the source is matched no more."""
    for entry in tx.find(MatchingEntry, source=source, rule=_ONE):
        if entry.pseudonym not in seen:
            tx.remove(MatchingEntry, source=source, pseudonym=entry.pseudonym)


def _values(tx: Transaction, person: Person) -> dict[str, list[str]]:
    """What somebody is matched on, in one spelling; a value that is not known is left out."""
    record = tx.get(SourceRecord, person.source, "Patient", person.source_id)
    patient = orjson.loads(record.body) if record is not None and record.body else {}
    names = list(_objects(patient.get("name")))
    found = {
        "family": [_folded(one.get("family")) for one in names],
        "given": [_folded(given) for one in names for given in _listed(one.get("given"))[:1]],
        "birth": [str(person.born)] if person.born else [],
        "gender": [_folded(patient.get("gender"))],
        "postcode": [_folded(one.get("postalCode")) for one in _objects(patient.get("address"))],
        "identifier": [
            f"{one.get('system')}|{_folded(one.get('value'))}"
            for one in _objects(patient.get("identifier"))
            if one.get("system") and one.get("value")
        ],
    }
    return {name: sorted({value for value in values if value}) for name, values in found.items() if any(values)}


def _combined(values: Mapping[str, list[str]], wanted: Sequence[str]) -> Iterator[str]:
    """Every way to say these values together; none when one of them is not known."""
    ways = [""]
    for name in wanted:
        ways = [f"{way}\0{value}" for way in ways for value in values.get(name, ())]
    return iter(ways)


def _candidates(tx: Transaction, source: str, other: str) -> set[tuple[str, str]]:
    """Who of one source shares a block with whom of the other."""
    here = _by_block(tx, source)
    there = here if other == source else _by_block(tx, other)
    found = set[tuple[str, str]]()
    for block, people in here.items():
        others = there.get(block, ())
        if len(people) <= MOST_IN_BLOCK and len(others) <= MOST_IN_BLOCK:
            found.update((one, two) for one in people for two in others if source != other or one < two)
    return found


def _by_block(tx: Transaction, source: str) -> dict[str, list[str]]:
    blocks = defaultdict[str, list[str]](list)
    for entry in tx.find(MatchingEntry, source=source, block__ne=""):
        blocks[entry.block].append(entry.pseudonym)
    return blocks


def _judged(one: Mapping[str, list[str]], two: Mapping[str, list[str]]) -> Pair:
    agree, differ, weight = list[str](), list[str](), 0
    for name, points in WEIGHTS.items():
        mine, theirs = set(one.get(name, ())), set(two.get(name, ()))
        if mine and theirs:
            same = bool(mine & theirs)
            (agree if same else differ).append(name)
            # An identifier of another office says nothing against two being one.
            weight += points if same else 0 if name in ("identifier", "postcode") else -points
    return Pair(str(one.get("number", "")), str(two.get("number", "")), weight, agree, differ)


def _folded(value: object) -> str:
    """A text in one spelling: no accents, case, punctuation or spaces."""
    text = normalize("NFKD", value).casefold() if isinstance(value, str) else ""
    return "".join(letter for letter in text if letter.isalnum())


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> Iterable[Mapping[str, object]]:
    return [one for one in _listed(value) if isinstance(one, dict)]
