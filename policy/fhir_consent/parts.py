"""What of our record FHIR has no element for: one extension with a part for each, both ways."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from policy.consent import ALLOWING, ConsentError
from policy.directives.model import Release
from policy.fhir_consent.places import listed, step, url_of
from policy.fhir_consent.terms import EXTENSION, Json

_Place = tuple[str, ...]

# Name of the part -> type of its value, and where it stands in our record.
_ONCE: Mapping[str, tuple[str, _Place]] = MappingProxyType(
    {
        "version": ("valuePositiveInt", ("version",)),
        "previous": ("valueString", ("previous",)),
        "state": ("valueCode", ("state",)),
        "study-digest": ("valueString", ("study_digest",)),
        "wallet": ("valueUri", ("wallet",)),
        "on-withdrawal": ("valueCode", ("on_withdrawal",)),
        "words-version": ("valueString", ("words", "version")),
        "words-language": ("valueCode", ("words", "language")),
        "words-digest": ("valueString", ("words", "digest")),
        "signer-until": ("valueDateTime", ("signer", "until")),
        "signer-record": ("valueUri", ("signer", "record")),
        "capture-channel": ("valueCode", ("capture", "channel")),
        "capture-assistant": ("valueString", ("capture", "assistant")),
        "capture-assurance": ("valueCode", ("capture", "assurance")),
        "capture-interface": ("valueString", ("capture", "interface")),
        "capture-evidence": ("valueString", ("capture", "evidence")),
    }
)
_OFTEN: Mapping[str, tuple[str, _Place]] = MappingProxyType({"replaces": ("valueString", ("replaces",))})

# R5 keeps the day of the decision only, and has no rule that denies below a decision that does: what was asked of a
# person who has not said yes stands here and not among the rules, where it would read as permitted.
_ONCE_R5 = MappingProxyType({**_ONCE, "decided-at": ("valueDateTime", ("decided_at",))})
_ONCE_ASKED = MappingProxyType(
    {
        **_ONCE_R5,
        "window-start": ("valueDate", ("window", "start")),
        "window-end": ("valueDate", ("window", "end")),
    }
)
_OFTEN_ASKED = MappingProxyType(
    {**_OFTEN, "recipient": ("valueUri", ("recipients",)), "purpose": ("valueUri", ("purposes",))}
)


def allows(value: Mapping[str, Any]) -> bool:
    """Whether a record says yes."""
    return value["state"] in ALLOWING


def written(value: Mapping[str, Any], release: Release) -> list[Json]:
    """Return the extension, in a list."""
    once, often = _tables(release, allows(value))
    found = [
        {"url": name, kind: part} for name, (kind, place) in once.items() if (part := _at(value, place)) is not None
    ]
    for name, (kind, place) in often.items():
        found += [{"url": name, kind: part} for part in _at(value, place) or ()]
    if often is _OFTEN_ASKED:
        found += [{"url": "scope", "extension": list(_scope(one))} for one in value["data"]]
    return [{"url": EXTENSION, "extension": found}]


def read(resource: Mapping[str, Any], release: Release) -> Json:
    """Return what the extension says of the record. Raises :class:`ConsentError` for a part that is none of ours."""
    ours = [one for one in listed(resource, "extension") if url_of(one) == EXTENSION]
    if len(ours) != 1:
        raise ConsentError("missing-element", "/extension")
    parts = listed(ours[0], "extension")
    states = [one.get("valueCode") for one in parts if url_of(one) == "state"]
    once, often = _tables(release, states[:1] in [[state.value] for state in ALLOWING])
    found: Json = {"previous": None, "on_withdrawal": None, "data": []}
    for part in parts:
        _take(found, part, once, often)
    if "window" in found:
        found["window"] = {"start": None, "end": None} | found["window"]
    return found


def _tables(release: Release, yes: bool) -> tuple[Mapping[str, tuple[str, _Place]], Mapping[str, tuple[str, _Place]]]:
    if release is Release.R4:
        return _ONCE, _OFTEN
    return (_ONCE_R5, _OFTEN) if yes else (_ONCE_ASKED, _OFTEN_ASKED)


def _take(
    found: Json,
    part: Mapping[str, Any],
    once: Mapping[str, tuple[str, _Place]],
    often: Mapping[str, tuple[str, _Place]],
) -> None:
    name = url_of(part)
    if name == "scope" and often is _OFTEN_ASKED:
        found["data"].append(_read_scope(part))
        return
    kind, place = once.get(name) or often.get(name) or (None, ())
    if kind is None or (name in once and _at(found, place) is not None):
        raise ConsentError("unknown-element", "/extension")
    target = found
    for one in place[:-1]:
        target = target.setdefault(one, {})
    value = step(part, kind)
    target[place[-1]] = [*target.get(place[-1], ()), value] if name in often else value


def _at(value: Mapping[str, Any], place: _Place) -> Any:
    found: Any = value
    for one in place:
        found = found.get(one) if isinstance(found, Mapping) else None
    return found


def _scope(scope: Mapping[str, Any]) -> Iterator[Json]:
    yield {"url": "dataset", "valueString": scope["dataset"]}
    yield from ({"url": "category", "valueCode": one} for one in scope["categories"] or ())


def _read_scope(part: Mapping[str, Any]) -> Json:
    inner = listed(part, "extension")
    if any(url_of(one) not in {"dataset", "category"} for one in inner):
        raise ConsentError("unknown-element", "/extension")
    datasets = [one for one in inner if url_of(one) == "dataset"]
    categories = [step(one, "valueCode") for one in inner if url_of(one) == "category"]
    return {"dataset": step(datasets, 0, "valueString"), "categories": categories or None}
