"""One element of a resource while it is read: what was taken from it, and what of it nobody understood.

Nothing is passed over in silence: whatever no reader asked for is named at the end (:meth:`Element.close`), and so is
every modifier extension. A plain extension may be ignored, that is what FHIR says of them; an element that holds
nothing but extensions (``_type`` without ``type``) has a value that was kept from us, and is named. So is an extension
that says what another release of FHIR has an element of Consent or Permission for, unless that bears on nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policy.code_systems import system_of
from policy.directives.model import Coding, Period
from policy.directives.reading import plain
from policy.directives.reading.plain import MAX_TEXT
from policy.instants import instant, span

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)
_PLAIN = frozenset({"id", "extension", "fhir_comments"})

MOST_FAULTS = 100
EVERYTHING = "/"
"""What is named after so many faults: from there on nobody knows of any element whether it was understood."""

_MODIFIERS = frozenset({"modifierExtension", "implicitRules"})

# HL7's cross-version packages: an element that this release has not, said by an extension.
_OF_ANOTHER_RELEASE = re.compile(
    r"http://hl7\.org/fhir/[0-9.]+/StructureDefinition/extension-(Consent|Permission)\.(.*)", re.ASCII | re.DOTALL
)
_BEARING_ON_NOTHING = frozenset(
    {
        *("dateTime", "date", "performer", "grantor", "grantee", "manager", "controller", "organization"),
        *("source", "sourceAttachment", "sourceReference", "policy", "policyText", "policyBasis", "regulatoryBasis"),
        *("verification.verificationType", "verification.verifiedBy", "verification.verificationDate"),
    }
)


class Element:
    """A JSON object with the place it stands at. `faults` is shared by all elements that answer for the same rule."""

    __slots__ = ("_left", "_understood", "_value", "faults", "pointer")

    def __init__(self, value: object, pointer: str, faults: list[str]) -> None:
        self.pointer = pointer
        self.faults = faults
        self._value: Mapping[str, Any] = value if type(value) is dict or isinstance(value, Mapping) else {}
        self._left = set(self._value)
        self._understood: tuple[str, ...] = ()
        if not self._value:
            self.fault()

    def __contains__(self, name: str) -> bool:
        return name in self._value or f"_{name}" in self._value

    @property
    def json(self) -> Mapping[str, Any]:
        """The JSON object itself."""
        return self._value

    def fault(self, *names: str) -> None:
        """Name a place, of this element or below it, that was not understood."""
        if len(self.faults) > MOST_FAULTS:
            return
        found = self.at(*names) if len(self.faults) < MOST_FAULTS else EVERYTHING
        if found not in self.faults:
            self.faults.append(found)

    def at(self, *names: str) -> str:
        """Return the JSON pointer of a place below this element; a name that FHIR cannot have is not repeated."""
        return self.pointer + "".join(f"/{name if name.isdigit() or _NAME.fullmatch(name) else '?'}" for name in names)

    def ignore(self, *names: str) -> None:
        """Take elements that say nothing about what is allowed; a modifier anywhere in them is named all the same."""
        for name in names:
            if name in self._left and modified(self._value[name]):
                self.fault(name)
        self.pass_over(*names)

    def pass_over(self, *names: str) -> None:
        """Take what speaks for itself only, as a contained resource does."""
        self._left.difference_update(names)
        if self._left:
            self._left.difference_update([f"_{name}" for name in names])

    def close(self) -> None:
        """Name what nobody asked for."""
        if self._left:
            for name in sorted(self._left - _PLAIN):
                self.fault(name)
            for index, one in enumerate(self._extensions()):
                if not self._harmless(one):
                    self.fault("extension", str(index))

    def _extensions(self) -> list[object]:
        found = self._value.get("extension")
        return found if isinstance(found, list) else []

    def _harmless(self, extension: object) -> bool:
        url = extension.get("url") if isinstance(extension, Mapping) else None
        known = _OF_ANOTHER_RELEASE.fullmatch(url) if isinstance(url, str) else None
        return known is None or known[2] in _BEARING_ON_NOTHING or url in self._understood

    def own(self, name: str) -> Any:
        """Take what stands there, whatever it is; None if nothing does."""
        found = self._value.get(name)
        if found is None and name in self:
            self.fault(name)
        self.pass_over(name)
        return found

    def text(self, name: str) -> str | None:
        """Take a string; None if there is none that can be read."""
        found = self.own(name)
        if plain.text(found):
            return str(found)
        if found is not None:
            self.fault(name)
        return None

    def part(self, name: str) -> "Element | None":
        """Take an element with elements of its own."""
        found = self.own(name)
        return None if found is None else Element(found, f"{self.pointer}/{name}", self.faults)

    def parts(self, name: str) -> tuple["Element", ...] | None:
        """Take a list of elements; one that is empty, or no list, is empty and named."""
        found = self.own(name)
        return None if found is None else tuple(self._each(name, found))

    def _each(self, name: str, found: object) -> Iterator["Element"]:
        if not isinstance(found, list) or not found:
            self.fault(name)
            return
        for index, one in enumerate(found):
            yield Element(one, f"{self.pointer}/{name}/{index}", self.faults)

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of strings; what is none is named."""
        found = self.own(name)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(one, str) and 0 < len(one) <= MAX_TEXT for one in found):
            self.fault(name)
            return ()
        return tuple(found)

    def extensions(self, url: str) -> Iterator["Element"]:
        """Yield the plain extensions with this address."""
        self._understood += (url,)
        for index, one in enumerate(self._extensions()):
            if isinstance(one, Mapping) and one.get("url") == url:
                yield Element(one, self.at("extension", str(index)), self.faults)


def modified(value: object) -> bool:
    """Whether there is a modifier extension, or rules to read by, anywhere in a value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if any(name.removeprefix("_") in _MODIFIERS for name in one):
                return True
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return False


# --- the data types that consents use ---------------------------------------------------------------------------------


def coding(element: Element) -> Coding | None:
    """Read a Coding; without a system or a code it means nothing, and is named."""
    system, code = element.text("system"), element.text("code")
    element.ignore("version", "display", "userSelected")
    element.close()
    if system is None or code is None:
        element.fault()
        return None
    return Coding(system_of(system), code)


def codings(parent: Element, name: str) -> tuple[Coding, ...] | None:
    """Read a list of Codings, or None if there is none."""
    quick = plain.codings(parent.json.get(name))
    if quick is not None:
        parent.pass_over(name)
        return quick
    found = parent.parts(name)
    return None if found is None else tuple(one for one in map(coding, found) if one is not None)


def concept(element: Element) -> tuple[Coding, ...]:
    """Read a CodeableConcept: all its codings; one in words only cannot be compared, and is named."""
    quick = plain.concept(element.json)
    if quick is not None:
        return quick
    element.ignore("text")
    found = codings(element, "coding") or ()
    element.close()
    if not found:
        element.fault()
    return found


def concepts(parent: Element, name: str) -> tuple[tuple[Coding, ...], ...] | None:
    """Read a list of CodeableConcepts, or None if there is none."""
    quick = plain.concepts(parent.json.get(name))
    if quick is not None:
        parent.pass_over(name)
        return quick
    found = parent.parts(name)
    return None if found is None else tuple(one for one in map(concept, found) if one)


def names(element: Element) -> tuple[str, ...]:
    """Read a Reference: the reference as written and the identifier as ``system|value``; one has to be there."""
    found = names_if_any(element)
    if not found:
        element.fault()
    return found


def names_if_any(element: Element) -> tuple[str, ...]:
    """Read a Reference that may tell a name in words only."""
    quick = plain.reference(element.json)
    if quick is not None:
        return (quick,)
    reference = element.text("reference")
    element.ignore("type", "display")
    identifier = element.part("identifier")
    element.close()
    found = (reference, identified(identifier) if identifier is not None else None)
    return tuple(one for one in found if one is not None)


def identified(element: Element) -> str | None:
    """Read an Identifier as ``system|value``."""
    system, value = element.text("system"), element.text("value")
    element.ignore("use", "type", "period", "assigner")
    element.close()
    if system is None or value is None:
        element.fault()
        return None
    return f"{system}|{value}"


def period(parent: Element, name: str) -> Period | None:
    """Read a Period, or None if there is none."""
    found = parent.part(name)
    return None if found is None else one_period(found)


def one_period(found: Element) -> Period:
    """Read a Period as it was written; an end that is no date, or comes before the start, is named."""
    start, end = moment(found, "start"), moment(found, "end")
    found.close()
    if (start is None and end is None) or not _in_order(start, end):
        found.fault()
    return Period(start=start, end=end)


def moment(parent: Element, name: str) -> str | None:
    """Take a date or dateTime as it was written; one that cannot be is named."""
    text = parent.text(name)
    if text is None:
        return None
    try:
        span(text)
    except ValueError:
        parent.fault(name)
        return None
    return text


def _in_order(start: str | None, end: str | None) -> bool:
    if start is None or end is None:
        return True
    if "T" in start and "T" in end:
        return instant(start) <= instant(end)
    return span(start)[0] <= span(end)[1]
