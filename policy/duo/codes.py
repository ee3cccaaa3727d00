"""The codes of the GA4GH Data Use Ontology: what a data set may be used for (permissions, modifiers) and what somebody
asks to do with it (investigations), as published."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from policy.purposes import OBO, packaged


class Kind(StrEnum):
    """What a code is. A heading groups others and says nothing by itself."""

    PERMISSION = "permission"
    MODIFIER = "modifier"
    INVESTIGATION = "investigation"
    HEADING = "heading"


class Code(NamedTuple):
    """One code: ``DUO_0000006``, ``HMB``, its label and definition, and for an investigation its purpose."""

    id: str
    shorthand: str
    label: str
    definition: str
    kind: Kind
    purpose: str = ""

    @property
    def name(self) -> str:
        """How people call it: its shorthand, its label where it has none."""
        return self.shorthand or self.label

    @property
    def iri(self) -> str:
        """The full IRI of the code."""
        return OBO + self.id


class UnknownCodeError(ValueError):
    """No such code; the message says which are known."""


@cache
def codes() -> Mapping[str, Code]:
    """Return every code by its id, in order."""
    stated = packaged("duo.json")
    asked = packaged("duo_investigations.json")["codes"]
    found = {iri: Code(id=iri, **{**entry, "kind": Kind(entry["kind"])}) for iri, entry in stated.items()}
    found |= {iri: Code(id=iri, shorthand="", kind=Kind.INVESTIGATION, **entry) for iri, entry in asked.items()}
    return MappingProxyType(dict(sorted(found.items())))


def code(term: str) -> Code:
    """Return the code a term names: ``HMB``, ``DUO_0000006``, ``DUO:0000006``, ``obo:DUO_0000006`` or the full IRI.

    Raises :class:`UnknownCodeError`. A shorthand that DUO gives to nothing is not guessed.
    """
    local = term.removeprefix(OBO).removeprefix("obo:").replace("DUO:", "DUO_", 1)
    found = codes().get(local) or _by_shorthand().get(term)
    if found is None:
        raise UnknownCodeError(f"no code of DUO: {term[:40]!r}; {_meant_perhaps(term)}")
    return found


def _meant_perhaps(term: str) -> str:
    asked = term.strip().casefold()
    near = [one for one in codes().values() if asked in {one.shorthand.casefold(), one.label.casefold()}]
    if asked and near:
        return f"did you mean {near[0].shorthand or near[0].id}?"
    stated = (one.name for one in codes().values() if one.kind in {Kind.PERMISSION, Kind.MODIFIER})
    return f"known: {', '.join(stated)}"


@cache
def _by_shorthand() -> Mapping[str, Code]:
    return MappingProxyType({one.shorthand: one for one in codes().values() if one.shorthand})
