"""The Python of one writing function: straight-line code, made once per class of objects (`writing`).

A function takes what was decoded, `v`, the person's `Hand`, `p`, and for a record its `code`; it joins `parts`, and
only what it appends leaves. Every value in its source is a name of this file with a number behind it (`f3` a field,
`k3` what is written before it); what these stand for is handed over beside the source. No text of a profile or of a
record is ever part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from connector.deidentify.hand import Hand
from connector.deidentify.pieces import LONGEST_REMEMBERED, MOST_OFTEN, MOST_PIECES, Unusual, opening
from connector.deidentify.rules import ABSENT, EMPTY
from connector.deidentify.shapes import ONE_OF, Element
from connector.deidentify.wearer import INSIDE

Write = Callable[..., bytes]
MASKED = b'{"extension":' + ABSENT + b"}"
_encode = msgspec.json.Encoder().encode
_LAST = frozenset(b"%c" % digit for digit in b"0123456789")
_FIRST = _LAST | {b"-"}


class _Whole(dict[int, bytes]):
    """Whole numbers as JSON."""

    def __missing__(self, number: int) -> bytes:
        text = b"%d" % number
        if len(self) < MOST_PIECES:
            self[number] = text
        return text


_WHOLE = _Whole()


class Way(NamedTuple):
    """How one element is written (see `writing`), and the number or class that this way needs."""

    name: str
    element: Element
    number: int = 0
    kind: type[Struct] | None = None


class Made(NamedTuple):
    """An object written by a function: its resource type if it is a whole record, its elements in order, and whether it
    is masked when nothing of it is left.
    """

    resource: str
    ways: tuple[Way, ...]
    masked: bool


def compiled(made: Made, function: Callable[[type[Struct]], Write], inside: bool = False) -> Write:
    """The function that writes such an object; `function` gives that of another class.

    A resource `inside` another one needs no id and no subject, and is written without a line end.
    """
    names: dict[str, Any] = {
        "U": UNSET, "E": EMPTY, "Unusual": Unusual, "join": b"".join, "comma": b",".join,
        "masked": MASKED, "whole": _WHOLE, "first": _FIRST, "last": _LAST,
    }  # fmt: skip
    lines = [*_begin(made, names, inside)]
    for number, way in enumerate(made.ways):
        names |= _names(number, way, made, function)
        lines += [line.replace("#", str(number)) for line in _STEPS[way.name](way, bool(made.resource) and not inside)]
    lines += _end(made, names)
    body = "".join(f"    {line}\n" for line in lines)
    source = f"def write(v, p, code=b'', U=U, E=E, join=join, comma=comma):\n{body}"
    exec(compile(source, f"<written {made.resource or 'part'}>", "exec"), names)  # noqa: S102 - see above: our own words
    write: Write = names["write"]
    return write


def _begin(made: Made, names: dict[str, Any], inside: bool) -> Iterator[str]:
    if made.resource:
        names |= {
            "head": b'{"resourceType":%b' % _encode(made.resource), "kc": b',"contained":',
            "kind": INSIDE if inside else made.resource, "end": b"}" if inside else b"}\n",
        }  # fmt: skip
        yield "parts = [head]"
        if not inside:
            yield "if v.contained is E: p.targets = p.outer"
            yield "elif x := p.contained(join((v.contained,))): parts.append(kc); parts.append(x)"
    else:
        yield "parts = []"
    used = {way.name for way in made.ways}
    for name, ways in _LOOKED.items():
        if used & ways:
            yield f"{name} = p.{name}"


def _end(made: Made, names: dict[str, Any]) -> Iterator[str]:
    if made.resource:
        return iter(("parts.append(end)", "return join(parts)"))
    names |= {"left": MASKED if made.masked else b"", "close": b"}", "open": b"{"}
    return iter((
        "if not parts: return left",
        "parts.append(close)",
        "if parts[0][0] == 123: return join(parts)",
        "return open + join(parts)[1:]",
    ))  # fmt: skip


def _names(number: int, way: Way, made: Made, function: Callable[[type[Struct]], Write]) -> dict[str, Any]:
    """What the names with this number stand for."""
    element = way.element
    # The first element of a part opens it; whoever has lost that is opened at the end.
    key = (b"," if number or made.resource else b"{") + _encode(element.name) + b":"
    array = way.name in {"reference", "open"} and element.many
    masked = b"[%b]" % MASKED if element.many else MASKED
    found: dict[str, Any] = {"k": key + b"[" if array else key, "m": key + masked}
    if way.name in {"date", "moment", "masked"}:
        found["d"] = key[:1] + _encode(f"_{element.name}") + b":" + MASKED
    if way.name in {"constant", "boolean"}:
        values = element.rule.removeprefix(ONE_OF).split(" | ") if way.name == "constant" else (True, False)
        found["c"] = {value: key + _encode(value) for value in values}
    if way.name == "amount":
        start = opening(element)
        found |= {"s": start, "h": start[1:]}
    if way.kind is not None:
        found["w"] = function(way.kind)
    if way.name == "often" and way.kind is not None:
        found["o"] = _again(way, way.kind, found["w"])
    return {f"{letter}{number}": value for letter, value in found.items()}


def _again(way: Way, kind: type[Struct], write: Write) -> Callable[[bytes, Hand], bytes]:
    """What works out an element that was not met before, part by part, and remembers it."""
    decode = msgspec.json.Decoder(list[kind] if way.element.many else kind).decode  # type: ignore[valid-type]

    def worked(raw: bytes, hand: Hand) -> bytes:
        value = decode(raw)
        if isinstance(value, list):
            items = [item for item in (write(part, hand) for part in value) if item]
            piece = b"[%b]" % b",".join(items) if items else b""
        else:
            piece = write(value, hand)
        known = hand.often[way.number]
        if len(raw) <= LONGEST_REMEMBERED:
            if len(known) >= MOST_OFTEN:
                known.clear()
            known[raw] = piece
        return piece

    return worked


def _if_there(way: Way, *steps: str, otherwise: str = "") -> list[str]:
    absent = "E" if way.name in _RAW else "U"
    lines = [f"if v.f# is not {absent}:", *(f"    {step}" for step in steps)]
    return [*lines, f"else: {otherwise}"] if otherwise else lines


def _looked_up(way: Way, piece: str, missing: str = "", otherwise: str = "") -> list[str]:
    """One look-up; `missing` is done where it says that nothing may be left of a required element."""
    steps = [f"x = {piece}", "if x: parts.append(k#); parts.append(x)"]
    return _if_there(way, *steps, *([f"else: {missing}"] if missing else []), otherwise=otherwise)


def _each(way: Way, piece: str, missing: str) -> list[str]:
    """One look-up for every item of an array."""
    required = way.element.required
    return _if_there(
        way, "t = []", "for i in v.f#:", f"    i = {piece}", "    if i: t.append(i)",
        *([f"    else: {missing}"] if required and missing else []),
        "if t: parts.append(k#); parts.append(comma(t)); parts.append(b']')",
        *(["else: parts.append(m#)"] if required else []),
    )  # fmt: skip


def _id(_: Way, whole: bool) -> list[str]:
    code = "code or p.codes[f'{kind}/{v.id}']"
    lines = [f"if v.id is not U: parts.append(k#); parts.append({code})"]
    return [*lines, "else: raise Unusual"] if whole else lines


def _masked(way: Way, _: bool) -> list[str]:
    return _if_there(way, "parts.append(m# if join((v.f#,))[0] == 123 else d#)")


def _constant(way: Way, _: bool) -> list[str]:
    return _if_there(way, "parts.append(c#[v.f#])")


def _integer(way: Way, _: bool) -> list[str]:
    return _if_there(way, "parts.append(k#); parts.append(whole[v.f#])")


def _decimal(way: Way, _: bool) -> list[str]:
    check = "if x[0] not in b'-0123456789': raise Unusual"
    return _if_there(way, "x = join((v.f#,))", check, "parts.append(k#); parts.append(x)")


def _date(way: Way, _: bool) -> list[str]:
    return _looked_up(way, f"{way.name}s[v.f#]", "parts.append(d#)" if way.element.required else "")


def _reference(way: Way, _: bool) -> list[str]:
    if way.element.many:
        return _each(way, "targets[i.reference]", "t.append(masked)")
    return _looked_up(way, "targets[v.f#.reference]", "parts.append(m#)" if way.element.required else "")


def _open(way: Way, _: bool) -> list[str]:
    if way.element.many:
        return _each(way, "w#(i, p)", "")
    return _looked_up(way, "w#(v.f#, p)", "parts.append(m#)" if way.element.required else "")


def _often(way: Way, _: bool) -> list[str]:
    required = ["else: parts.append(m#)"] if way.element.required else []
    return _if_there(
        way, "x = join((v.f#,))", f"t = often[{way.number}].get(x)", "if t is None: t = o#(x, p)",
        "if t: parts.append(k#); parts.append(t)", *required,
    )  # fmt: skip


def _amount(way: Way, _: bool) -> list[str]:
    # The number stands first in the form that FHIR prints, last where names are sorted.
    return _if_there(
        way, "x = join((v.f#,))", "h, t, n = x.rpartition(h#)", "n, t, r = n.partition(b',')", "if not t: n = n[:-1]",
        # With an object before it, it may be a number inside that one.
        "if n[:1] in first and n[-1:] in last and h.rfind(b'{') < 1:",
        f"    parts.append(k#); parts.append(s#); parts.append(n); parts.append(rests[{way.number}][h + r])",
        f"elif x := pieces[{way.number}][x]: parts.append(k#); parts.append(x)",
    )  # fmt: skip


def _shared(way: Way, _: bool) -> list[str]:
    return _looked_up(way, f"pieces[{way.number}][join((v.f#,))]")


def _own(way: Way, whole: bool) -> list[str]:
    must = whole and way.element.rule == "subject"
    return _looked_up(way, f"own[{way.number}][join((v.f#,))]", otherwise="raise Unusual" if must else "")


def _refused(way: Way, _: bool) -> list[str]:
    return _if_there(way, "raise Unusual")


_STEPS: dict[str, Callable[[Way, bool], list[str]]] = {
    "id": _id, "constant": _constant, "boolean": _constant, "integer": _integer, "decimal": _decimal, "date": _date,
    "moment": _date, "reference": _reference, "open": _open, "amount": _amount, "shared": _shared, "own": _own,
    "masked": _masked, "often": _often, "refused": _refused,
}  # fmt: skip
_RAW = frozenset({"often", "masked", "decimal", "amount", "shared", "own", "refused"})
_LOOKED = {
    "pieces": {"shared", "amount"}, "rests": {"amount"}, "often": {"often"}, "own": {"own"}, "dates": {"date"},
    "moments": {"moment"}, "targets": {"reference"},
}  # fmt: skip
