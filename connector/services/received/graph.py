"""The graph of what was made of what: from the transfers a person came in to everything that may hold them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from connector.records import Derivation


def reached(derivations: Iterable[Derivation], transfers: Collection[str], code: str) -> list[Derivation]:
    """What may hold somebody who came in these transfers, in the order in which it was made.

    Where it is known of whom something is, and they are not among them, nothing made of it alone holds them either.
    Parents that are erased since are walked through: what was made of them before is still here.
    """
    known = {one.id: one for one in derivations}
    children: dict[str, list[str]] = {}
    waiting = []
    for one in known.values():
        for parent in parents_of(one, "derivations"):
            children.setdefault(parent, []).append(one.id)
        if any(id in transfers for id in parents_of(one, "transfers")):
            waiting.append(one.id)
    found = set[str]()
    while waiting:
        id = waiting.pop()
        if id not in found and _may_hold(known[id], code):
            found.add(id)
            waiting += children.get(id, [])
    return [one for one in known.values() if one.id in found]


def transfers_below(derivations: Iterable[Derivation], parents: Iterable[str]) -> set[str]:
    """The transfers from which some derivations were made, through whatever lies between."""
    known = {one.id: one for one in derivations}
    waiting, seen, transfers = list(parents), set[str](), set[str]()
    while waiting:
        id = waiting.pop()
        one = known.get(id)
        if one is None or id in seen:
            continue
        seen.add(id)
        transfers |= set(parents_of(one, "transfers"))
        waiting += parents_of(one, "derivations")
    return transfers


def parents_of(one: Derivation, kind: str) -> list[str]:
    """The transfers, or derivations, that something was made of."""
    given = (one.parents or {}).get(kind, [])
    return [str(id) for id in given] if isinstance(given, list) else []


def _may_hold(one: Derivation, code: str) -> bool:
    return one.codes is None or code in one.codes.get("codes", [])
