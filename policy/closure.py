"""What lies above something by a relation that is stated step by step: broader terms, wholes, types."""

from collections.abc import Iterable, Mapping


def above(stated: Mapping[str, Iterable[str]], item: str) -> frozenset[str]:
    """Return everything above an item, directly or not; a circle is walked once, and then holds the item itself."""
    first = stated.get(item)
    if first is None:
        return frozenset()
    found: set[str] = set()
    waiting = list(first)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(stated.get(one, ()))
    return frozenset(found)
