"""Portions of independent resources: one that cannot be taken in is refused by itself, the others of its portion stay.

A Bundle from a file is one piece, wholly or not at all: somebody put it together. Lines of an export and entries of a
search page only happen to stand together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connector.sources.fhir_error import SourceError, Unreadable
from connector.sources.fhir_json import Resource
from connector.sources.fhir_pieces import Part, Piece, SourceFile
from connector.sources.fhir_reading import Entry, checked, entries_in, prepared_of


def portion_of(
    name: str, entries: list[Entry], refused: list[Piece], known: Callable[[str], bool], base: str
) -> list[Piece]:
    """The pieces that these entries make: one, or, where something is wrong with one of them, each its own."""
    if not entries:
        return refused
    try:
        return [Piece(name, prepared_of(name, entries, known, base)), *refused]
    except SourceError:
        return [*(_alone(name, entry, known, base) for entry in entries), *refused]


def _alone(name: str, entry: Entry, known: Callable[[str], bool], base: str) -> Piece:
    try:
        return Piece(name, prepared_of(name, [entry], known, base))
    except SourceError as fault:
        return Piece(name, None, str(fault))


def page_pieces(name: str, found: list[Resource], known: Callable[[str], bool], base: str) -> list[Piece]:
    """The pieces of a search page's entries."""
    entries, refused = list[Entry](), list[Piece]()
    for number, entry in enumerate(found):
        where, address = f"entry {number}", entry.get("fullUrl")
        address = address if isinstance(address, str) else None
        try:
            entries.append(Entry(checked(entry["resource"], address), address, where))
        except Unreadable as fault:
            refused.append(Piece(name, None, str(SourceError(name, where, fault.what, fault.accepted))))
    return portion_of(name, entries, refused, known, base)


def line_pieces(name: str, kind: str, parts: Iterable[Part], known: Callable[[str], bool], base: str) -> list[Piece]:
    """The pieces of lines of an export; each holds a resource of this kind, or, without a kind, deletions."""
    entries, refused = list[Entry](), list[Piece]()
    for part in parts:
        try:
            found = list(entries_in(name, part))
            if any(_kind(entry) != kind for entry in found):
                raise SourceError(name, f"line {part.line}", "another kind of resource than was announced", kind)
            entries += found
        except SourceError as fault:
            refused.append(Piece(name, None, str(fault)))
    return portion_of(name, entries, refused, known, base)


def file_pieces(source: SourceFile, known: Callable[[str], bool]) -> list[Piece]:
    """The pieces of lines of a file: everything but the lines that are wrong, and each of those refused by itself."""
    entries, refused = list[Entry](), list[Piece]()
    for part in source.parts:
        try:
            entries += entries_in(source.name, part)
        except SourceError as fault:
            refused.append(Piece(source.name, None, str(fault)))
    if not entries:
        return refused
    try:
        return [Piece(source.name, prepared_of(source.name, entries, known)), *refused]
    except SourceError:
        return _without_wrong(source.name, entries, known, refused)


def _without_wrong(name: str, entries: list[Entry], known: Callable[[str], bool], refused: list[Piece]) -> list[Piece]:
    """First what is wrong by itself, in one pass; then what does not go with another line."""
    found = (entry.content for entry in entries if isinstance(entry.content, dict))
    patients = {one["id"] for one in found if one["resourceType"] == "Patient"}
    good = list[Entry]()
    for entry in entries:
        alone = _alone(name, entry, lambda id: id in patients or known(id), "")
        if alone.prepared is not None:
            good.append(entry)
        else:
            refused.append(alone)
    while good:
        try:
            return [Piece(name, prepared_of(name, good, known)), *refused]
        except SourceError as fault:
            left = [entry for entry in good if not _stands_at(entry, fault)]
            refused.append(Piece(name, None, str(fault)))
            good = left if len(left) < len(good) else []
    return refused


def _stands_at(entry: Entry, fault: SourceError) -> bool:
    """Whether it is of the line that is refused."""
    return _line(entry.where) == _line(fault.where)


def _line(where: str) -> str:
    return " ".join(where.split(" ")[:2])


def _kind(entry: Entry) -> str:
    return entry.content["resourceType"] if isinstance(entry.content, dict) else ""
