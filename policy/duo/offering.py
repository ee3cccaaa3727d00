"""An offer narrowed by codes: what a steward chooses codes for, beside the terms of the house.

A place becomes the list of its countries, which is how the contract's gate knows places.

A code may carry its value after a colon: ``GS:EU``, ``RS:dpv:AcademicResearch``, ``DS:obo:MONDO_0005015``,
``MOR:2027-06-30``. Without one, ``TS`` means the end of the offer itself.
"""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Any

from policy.duo.codes import Code, Kind, UnknownCodeError, code
from policy.duo.placeholders import Placeholders
from policy.duo.templates import Part, part
from policy.duo.terms import SPATIAL
from policy.instants import day
from policy.law.statute import countries
from policy.odrl.vocabulary import PURPOSE, expand_odrl
from policy.purposes import expand

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)

Json = dict[str, Any]

_TEXTS: Mapping[str, str] = MappingProxyType(
    {"DS": "disease", "RS": "research", "GS": "region", "IS": "institution", "PS": "project", "US": "user"}
)
_DAYS: Mapping[str, str] = MappingProxyType({"MOR": "publish_from", "TS": "until"})


def narrowed(offer: Mapping[str, Any], chosen: Iterable[str], until: datetime) -> Json:
    """Return the offer with one permission for each grant among the codes, every limit in each, and every ban added.

    Codes that grant stand in place of the purposes of the offer; without one these stay. Raises
    :class:`~policy.duo.codes.UnknownCodeError`, :class:`~policy.duo.placeholders.MissingPlaceholderError` or
    :class:`ValueError` for a value that is none.
    """
    parts = [meant(one, until)[1] for one in chosen]
    limits = [one for one in parts if not one.grants]
    grants: list[Part | None] = [one for one in parts if one.grants]
    found: Json = deepcopy(dict(offer))
    found["permission"] = [
        _within(permission, grant, limits) for permission in found["permission"] for grant in grants or [None]
    ]
    bans = [ban for one in parts for ban in one.bans]
    return found | ({"prohibition": [*found.get("prohibition", ()), *bans]} if bans else {})


def meant(chosen: str, until: datetime) -> tuple[Code, Part]:
    """Return the code that is chosen and what it adds to an offer that ends then. Raises what :func:`narrowed` does."""
    name, _, value = chosen.partition(":")
    if name in {"DUO", "obo"}:
        name, _, value = f"{name}:{value}", "", ""
    found = code(name)
    if found.kind is Kind.INVESTIGATION:
        raise UnknownCodeError(f"{found.id} says what somebody asks to do, not what data may be used for")
    places = replace(Placeholders(dataset="", until=until), **_value(found.name, value))
    added = part(found, places)
    return found, _by_country(added, places) if found.name == "GS" else added


def _by_country(added: Part, places: Placeholders) -> Part:
    """A place as the contract's gate knows it: where the recipient is and keeps data, all within these countries."""
    listed = countries(places.text("GS", "region"))
    if not all(_COUNTRY.fullmatch(one) for one in listed):
        raise ValueError("GS takes a country as ISO 3166 writes it (DE), or EU or EEA")
    return added._replace(terms=({"leftOperand": SPATIAL, "operator": "isAnyOf", "rightOperand": [*listed]},))


def _value(name: str, value: str) -> dict[str, Any]:
    if not value:
        return {}
    if name in _DAYS:
        return {_DAYS[name]: _day(name, value)}
    if name not in _TEXTS:
        raise ValueError(f"{name} takes no value")
    return {_TEXTS[name]: expand(value)}


def _day(name: str, value: str) -> datetime:
    try:
        return datetime.combine(day(value), time(), UTC)
    except ValueError:
        raise ValueError(f"{name}:{value[:40]} has no day after its colon, such as {name}:2027-06-30") from None


def _within(permission: Mapping[str, Any], grant: Part | None, limits: Iterable[Part]) -> Json:
    kept = [one for one in permission.get("constraint", ()) if grant is None or not _of_purpose(one)]
    added = [*(grant.terms if grant else ()), *(term for one in limits for term in one.terms)]
    duties = [*permission.get("duty", ()), *(duty for one in limits for duty in one.duties)]
    return {**permission, "constraint": [*kept, *added]} | ({"duty": duties} if duties else {})


def _of_purpose(term: Mapping[str, Any]) -> bool:
    return expand_odrl(str(term.get("leftOperand", ""))) == PURPOSE
