"""What a profile says, element by element: as it is written, as it applies to a record, and against another profile.

An element is named by its place: `Observation.effectivePeriod` for one of a resource, `Period.start` for one of a data
type, `Patient.extension(url).valueCode` for one of a listed extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from connector.deidentify.profile import FHIR, Profile
from connector.deidentify.shapes import AGES, Element, Shape

_LEAVES = AGES | {"subject"}
"""Rules of elements that have parts, but say themselves what becomes of these."""


class Said(NamedTuple):
    """What a profile says about one element: where in a record, at which place of the file, by which rule."""

    path: str
    place: str
    rule: str
    shape: Shape
    element: Element


@dataclass(frozen=True, slots=True)
class Change:
    """One element about which two profiles differ; "" where one of them does not keep it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What a later profile does otherwise: elements, and what stands in its lists (terminologies, regions, ...)."""

    kept: list[Change] = field(default_factory=list)
    dropped: list[Change] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    lists: list[Change] = field(default_factory=list)


def leaves(profile: Profile, release: str = "R4") -> Iterator[Said]:
    """Every element that may leave and has no parts of its own, by its whole path in a record."""
    for kind, shape in profile.shapes(release).items():
        yield from _within(kind, shape, kind)


def _within(path: str, shape: Shape, kind: str) -> Iterator[Said]:
    root = "resources" if shape.name.partition(".")[0] == kind else "types"
    for element in shape.elements:
        where, place = f"{path}.{element.name}", f"{root}.{shape.name}.{element.name}"
        if element.listed:
            for one in element.listed:
                yield from _within(f"{where}({one.url})", one.shape, kind)
        elif element.shape is not None and element.rule not in _LEAVES:
            yield from _within(where, element.shape, kind)
        else:
            yield Said(where, place, word(element), shape, element)


def word(element: Element) -> str:
    """The rule of an element as a profile writes it."""
    told = element.rule or (element.shape.name if element.shape else "")
    return f"[{told}]" if element.many else told


def written(profile: Profile, release: str = "R4") -> dict[str, str]:
    """Per element, as the file says it: the rule, or the name of the data type; data types once, by their own name."""
    said: dict[str, str] = {}
    for kind, shape in profile.shapes(release).items():
        _write(kind, shape, said)
    return said


def _write(path: str, shape: Shape, said: dict[str, str]) -> None:
    for element in shape.elements:
        where, part = f"{path}.{element.name}", element.shape
        for one in element.listed:
            _write(f"{where}({one.url})", one.shape, said)
        own = part is not None and not element.rule and "." in part.name
        said[where] = "[part]" if own and element.many else "part" if own else word(element)
        if own and part is not None:
            _write(where, part, said)
        elif part and part.elements and not element.rule and f"{part.name}.{part.elements[0].name}" not in said:
            _write(part.name, part, said)


def difference(before: Profile, after: Profile, release: str = "R4") -> Difference:
    """What `after` does otherwise than `before`. Raises `ProfileError` when one says nothing about the release."""
    old, new, told = written(before, release), written(after, release), Difference()
    for path in [*old, *(path for path in new if path not in old)]:
        change = Change(path, old.get(path, ""), new.get(path, ""))
        if change.before != change.after:
            (told.kept if not change.before else told.changed if change.after else told.dropped).append(change)
    told.lists.extend(_lists(before, after))
    return told


def _lists(before: Profile, after: Profile) -> Iterator[Change]:
    old, new = _listed(before), _listed(after)
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name, ""), new.get(name, ""))


def _listed(profile: Profile) -> dict[str, str]:
    systems = {f"terminologies: {system}": form for system, form in profile.terminologies().items()}
    areas = {
        f"postcodes: {country}": f"{one.keep} characters, {len(one.small)} small areas"
        for one in profile.postcodes()
        for country in one.countries
    }
    named = {"regions": profile.regions(), "withheld": profile.withheld, "keeps": profile.keeps, "risk": profile.risk}
    lists = {f"{key}: {item}": "listed" for key, items in named.items() for item in sorted(items)}
    releases = {"releases": ", ".join(profile.releases)} if profile.format == FHIR else {}
    return {**systems, **areas, **lists, **releases}
