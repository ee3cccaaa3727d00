"""Versions of one consent, and consents that stand in the place of others (reference S12 a).

What is replaced for certain is gone. Where nobody can tell whether it is (an address on another server, a name that
nothing here has, a missing date), what the older one permits no longer counts and what it forbids still does.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from policy.directives.asking import Asking
from policy.directives.model import Directive
from policy.directives.planning import Plan
from policy.instants import instant

_EVER_IN_FORCE = frozenset({"active", "inactive"})
_LONGEST_NUMBER = 18

Made = tuple[Directive, Plan]


def chain_of(one: Directive) -> str:
    """Return what all versions of a consent are called."""
    return one.id.rpartition("#")[0] or one.id


def chains(directives: Iterable[Directive]) -> Iterator[list[Directive]]:
    """Yield the versions of each consent, each once; one without an id is one by itself."""
    found: dict[str, list[Directive]] = {}
    for one in directives:
        name = chain_of(one)
        if name.endswith("/"):
            yield [one]
            continue
        chain = found.setdefault(name, [])
        if not any(other is one or other == one for other in chain):
            chain.append(one)
    yield from found.values()


def last(chain: Sequence[Directive]) -> Directive | None:
    """Return the newest version, by their numbers if they are numbers, else by when they were last updated."""
    for told in (_number, _updated):
        known = [(told(one), position, one) for position, one in enumerate(chain)]
        moments = [one[0] for one in known]
        if None not in moments and len(set(moments)) == len(moments):
            return max(known, key=lambda one: (one[0], one[1]))[2]
    return None


def _number(one: Directive) -> int | None:
    version = one.id.rpartition("#")[2] if "#" in one.id else ""
    return int(version) if version.isascii() and version.isdigit() and len(version) <= _LONGEST_NUMBER else None


def _updated(one: Directive) -> datetime | None:
    meta = one.resource.get("meta")
    try:
        return instant(meta["lastUpdated"]) if isinstance(meta, dict) else None
    except (KeyError, ValueError):
        return None


def superseded(made: Sequence[Made], asking: Asking, changes: list[datetime]) -> tuple[set[int], set[int]]:
    """Return those that a later one, in force or withdrawn since, was marked as replacing: surely, and perhaps.

    One that is dated in the future replaces nothing yet; one that is no later than what it names replaces nothing.
    """
    gone, unsure = set[int](), set[int]()
    for newer, its in made:
        if not newer.replaces or newer.status not in _EVER_IN_FORCE or its.decided is None:
            continue
        if its.decided.begins > asking.now:
            changes.append(its.decided.begins)
            continue
        others = [pair for pair in made if chain_of(pair[0]) != chain_of(newer)]
        for name in (one for one in newer.replaces if _calls(one, newer, newer) is None):
            _replace(name, (newer, its), others, gone, unsure)
    return gone, unsure


def _replace(name: str, newer: Made, others: Sequence[Made], gone: set[int], unsure: set[int]) -> None:
    called = [(pair, _calls(name, pair[0], newer[0])) for pair in others]
    named = [(pair, surely) for pair, surely in called if surely is not None]
    if not named:  # nothing here has that name: it may be whatever there was before
        named = [(pair, False) for pair in others]
    for older, surely in named:
        dated = newer[0].decided_at is not None and older[0].decided_at is not None
        if dated and not _later(newer[1], older[1]):
            continue
        (gone if surely and dated else unsure).add(id(older[0]))


def _calls(name: str, one: Directive, by: Directive) -> bool | None:
    """Whether a name is that of a consent, as another writes it: surely, perhaps, or (None) not at all."""
    if name in {one.id, chain_of(one)}:
        return True
    plain = name.partition("/_history/")[0].partition("|")[0].partition("#")[0].rstrip("/")
    tail = "/".join(plain.rsplit("/", 2)[-2:])
    if tail not in {_own(one), chain_of(one)}:
        return None
    return "#" not in name and "://" not in plain and _origin(one) == _origin(by)


def _own(one: Directive) -> str | None:
    """The type and id of the resource itself, whatever the holder calls it."""
    kind, name = one.resource.get("resourceType"), one.resource.get("id")
    return f"{kind}/{name}" if isinstance(kind, str) and isinstance(name, str) and name else None


def _origin(one: Directive) -> str:
    """What stands before the id of the resource in what the holder calls it: the source it is of."""
    name = one.resource.get("id")
    rest = chain_of(one).removesuffix(f"/{name}" if isinstance(name, str) else "")
    return rest.removesuffix("Permission").removesuffix("Consent").rstrip("/")


def _later(newer: Plan, older: Plan) -> bool:
    if newer.decided is None or older.decided is None:
        return False
    return newer.decided.begins > older.decided.begins
