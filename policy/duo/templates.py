"""Each code of DUO as a policy template, and several together as one offer, in wire form (Dataspace Protocol).

A code says one of three things: a *grant* permits a use (permissions, clinical care, and an investigation, as the
request it is), a *limit* adds a term or duty to every grant, a *ban* forbids something whatever is granted. A limit
alone permits any use within it and a ban alone nothing. "Limited to" needs no prohibition of the rest, as the published
rendering has it: what nobody permits is not permitted.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from policy.duo import terms as t
from policy.duo.codes import Code, Kind, code, codes
from policy.duo.placeholders import Placeholders
from policy.instants import wire
from policy.odrl import read
from policy.odrl.model import Policy
from policy.odrl.vocabulary import APPROVED, DATE_TIME, DISTRIBUTE, PURPOSE, RECIPIENT, STUDY_APPROVAL
from policy.purposes import DUODRL, purpose

Json = dict[str, Any]


class Part(NamedTuple):
    """What one code adds to an offer."""

    grants: bool = False
    terms: tuple[Json, ...] = ()
    duties: tuple[Json, ...] = ()
    bans: tuple[Json, ...] = ()


class NoTemplateError(ValueError):
    """A code that only groups others has nothing to say in a policy."""


def template(term: str, places: Placeholders) -> Policy:
    """Return one code as a policy (see :func:`template_wire`)."""
    return t.read_as_duo(read(template_wire(term, places)))


def template_wire(term: str, places: Placeholders) -> Json:
    """Return one code as a Set in wire form; an investigation as a Request.

    Raises :class:`UnknownCodeError`, :class:`NoTemplateError` or :class:`MissingPlaceholderError`.
    """
    found = code(term)
    kind = "Request" if found.kind is Kind.INVESTIGATION else "Set"
    return {"@id": f"urn:duo:{found.id}", "@type": kind, "target": places.dataset, **rules([term], places)}


def rules(terms: Iterable[str], places: Placeholders) -> Json:
    """Return the rules of several codes together: permissions, each within every limit, and prohibitions.

    The grants are alternatives; without one among them any use within the limits is permitted, unless there is no limit
    either. Raises what :func:`template_wire` does.
    """
    parts = [part(code(term), places) for term in terms]
    limits = [one for one in parts if not one.grants]
    grants = [one for one in parts if one.grants] or (
        [Part()] if any(one.terms or one.duties for one in limits) else []
    )
    bans = [ban for one in parts for ban in one.bans]
    found: Json = {"permission": [_permission(one, limits) for one in grants]} if grants else {}
    return found | ({"prohibition": bans} if bans else {})


def part(found: Code, places: Placeholders) -> Part:
    """Return what one code says with these values. Raises what :func:`template_wire` does."""
    if found.kind is Kind.HEADING:
        raise NoTemplateError(f"{found.id} groups other codes; choose one of them")
    return _PARTS[found.name if found.kind is not Kind.INVESTIGATION else found.id](found.name, places)


def _permission(grant: Part, limits: Iterable[Part]) -> Json:
    parts = [grant, *limits]
    constraints, duties = [term for one in parts for term in one.terms], [duty for one in parts for duty in one.duties]
    found: Json = {"action": "use"}
    return found | ({"constraint": constraints} if constraints else {}) | ({"duty": duties} if duties else {})


def _term(left: str, operator: str, right: Any) -> Json:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


_Make = Callable[[str, Placeholders], Part]


def _for(*purposes: str) -> _Make:
    return lambda _, __: Part(grants=True, terms=tuple(_term(PURPOSE, "isA", one) for one in purposes))


def _disease(name: str, places: Placeholders) -> Part:
    about = _term(t.DISEASE, "isA", places.text(name, "disease"))
    return Part(grants=True, terms=(_term(PURPOSE, "isA", t.DS), about))


def _about(iri: str, left: str, placeholder: str, operator: str = "eq") -> _Make:
    return lambda name, places: Part(
        grants=True,
        terms=(_term(PURPOSE, "isA", iri), _term(left, operator, places.text(name, placeholder))),
    )


def _research(name: str, places: Placeholders) -> Part:
    found = purpose(places.text(name, "research"))
    if found is None:
        raise ValueError(f"{name} is limited to a purpose that is known here, by its IRI or prefixed term")
    return Part(terms=(_term(PURPOSE, "isA", found.iri),))


def _named(left: str, placeholder: str, operator: str = "eq") -> _Make:
    return lambda name, places: Part(terms=(_term(left, operator, places.text(name, placeholder)),))


def _until(name: str, places: Placeholders) -> Part:
    return Part(terms=(_term(DATE_TIME, "lteq", wire(places.instant(name, "until"))),))


def _published(name: str, places: Placeholders) -> Part:
    within = _term("elapsedTime", "lteq", places.text(name, "publish_within"))
    return Part(duties=({"action": t.PUBLISH_RESULTS, "constraint": [within]},))


def _moratorium(name: str, places: Placeholders) -> Part:
    before = _term(DATE_TIME, "lt", wire(places.instant(name, "publish_from")))
    return Part(bans=({"action": DISTRIBUTE, "constraint": [before]},))


def _owing(action: str) -> _Make:
    return lambda _, __: Part(duties=({"action": action},))


def _never(iri: str) -> _Make:
    return lambda _, __: Part(bans=({"action": "use", "constraint": [_term(PURPOSE, "isA", iri)]},))


_NOT_FOR_PROFIT = _term(t.RECIPIENT_KIND, "eq", t.NON_PROFIT)
_NOT_COMMERCIAL = _term(t.COMMERCIAL_USE, "eq", t.NOT_COMMERCIAL)


def _always(*terms: Json) -> _Make:
    return lambda _, __: Part(terms=terms)


_PARTS: Mapping[str, _Make] = MappingProxyType(
    {
        "NRES": _for(),
        "GRU": _for(t.GRU),
        "HMB": _for(t.HMB),
        "DS": _disease,
        "POA": _for(t.POA),
        "CC": _for(t.CC),
        "RS": _research,
        "GSO": _always(_term(PURPOSE, "isA", t.GSG)),
        "NMDS": _never(t.MDS),
        "NPOA": _never(t.POA),
        "NPU": _always(_NOT_FOR_PROFIT),
        "NCU": _always(_NOT_COMMERCIAL),
        "NPUNCU": _always(_NOT_FOR_PROFIT, _NOT_COMMERCIAL),
        "IRB": _always(_term(STUDY_APPROVAL, "eq", APPROVED)),
        "PUB": _published,
        "COL": _owing(t.COLLABORATE),
        "RTN": _owing(t.RETURN_DATA),
        "MOR": _moratorium,
        "GS": _named(t.SPATIAL, "region", "isPartOf"),
        "TS": _until,
        "US": _named(t.USER, "user"),
        "IS": _named(RECIPIENT, "institution"),
        "PS": _named(t.PROJECT, "project"),
        "DUO_0000032": _about(f"{DUODRL}PopulationGroupResearch", t.POPULATION, "population", "isA"),
        "DUO_0000034": _about(f"{DUODRL}AgeCategoryResearch", t.AGE, "age"),
        "DUO_0000035": _about(f"{DUODRL}GenderCategoryResearch", t.GENDER, "gender"),
        "DUO_0000040": _disease,
    }
    | {
        iri: _for(found.iri)
        for iri, found in ((one.id, purpose(one.purpose)) for one in codes().values())
        if found is not None and iri not in {"DUO_0000032", "DUO_0000034", "DUO_0000035", "DUO_0000040"}
    }
)
