"""A catalogue and its datasets as Dataspace Protocol 2025-1 JSON (Catalog Protocol; schemas catalog-, dataset-).

Besides DSP's own terms a dataset carries only `dct:` and `dcat:` terms, which the DSP context declares, and one key
written as a full IRI: how many people are expected to be in a release, now and later, never exactly below ten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.description import DatasetDescription, Kind
from catalog.expected import Expected
from catalog.fields import LANGUAGES
from catalog.smallnumbers import band_words
from policy.instants import wire

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
EXPECTED_YIELD = "https://w3id.org/concord/ns#expectedConsentYield"
KIND = "https://w3id.org/concord/ns#"
"""`dct:type` of a dataset is this followed by `records` or `stream`."""
PULL = "HttpData-PULL"
PUSH = "HttpData-PUSH"
FORMATS: Mapping[str, tuple[str, ...]] = {Kind.RECORDS: (PULL, PUSH), Kind.STREAM: (PULL,)}
"""In which ways a dataset of each kind can be had: a stream goes on while somebody listens, so it is pulled."""

Json = dict[str, object]
_AUTHORITY = "http://publications.europa.eu/resource/authority"


class OfferError(ValueError):
    """An offer that must not stand in a catalogue: it names a target, has no id, or stands there twice."""


@dataclass(frozen=True, slots=True)
class Service:
    """The DSP endpoint that negotiates: its id and the base address negotiation paths extend (with the version)."""

    id: str
    endpoint_url: str


@dataclass(frozen=True, slots=True)
class OnOffer:
    """A dataset with the offers it is published under and the number of people expected in a release."""

    description: DatasetDescription
    offers: tuple[Mapping[str, object], ...]
    expected_yield: Expected


def catalog_json(catalog_id: str, participant_id: str, service: Service, entries: Sequence[OnOffer]) -> Json:
    """Return the root Catalog, one page of it. An empty page has no `dataset` key (the schema forbids an empty list).

    Raises `OfferError` if an offer cannot stand there or one offer id is used by two datasets.
    """
    datasets = [dataset_json(entry, service) for entry in entries]
    ids = [offer["@id"] for entry in entries for offer in entry.offers]
    if len(set(ids)) != len(ids):
        raise OfferError("an offer belongs to exactly one dataset")
    root = _root(catalog_id, participant_id, service)
    return root | {"dataset": datasets} if datasets else root


def _root(catalog_id: str, participant_id: str, service: Service) -> Json:
    return {
        "@context": [CONTEXT],
        "@id": catalog_id,
        "@type": "Catalog",
        "participantId": participant_id,
        "service": [_service(service)],
    }


def root_dataset_json(entry: OnOffer, service: Service) -> Json:
    """Return one Dataset as the whole answer to `GET /catalog/datasets/:id`. Raises `OfferError`."""
    return {"@context": [CONTEXT]} | dataset_json(entry, service)


def dataset_json(entry: OnOffer, service: Service) -> Json:
    """Return one Dataset as it stands inside a Catalog. Raises `OfferError`."""
    before, after = _around_the_yield(entry.description, entry.offers, service)
    return before | {EXPECTED_YIELD: entry.expected_yield.wire()} | after


@dataclass(frozen=True, slots=True)
class Rendered:
    """One Dataset as JSON text in UTF-8, but for the number of people expected, which differs from asker to asker."""

    before: bytes
    after: bytes

    def text(self, expected_yield: Expected) -> bytes:
        """The whole object."""
        return b"".join((self.before, _dump(expected_yield.wire()), self.after))

    def root(self, expected_yield: Expected) -> bytes:
        """The same as a whole answer, with its context: what `root_dataset_json` returns, as text."""
        return b"".join((_ROOT, self.text(expected_yield)[1:]))


_ROOT = b'{"@context":["' + CONTEXT.encode() + b'"],'


def rendered(about: DatasetDescription, offers: Sequence[Mapping[str, object]], service: Service) -> Rendered:
    """Write one Dataset once, to be sent many times. Raises `OfferError`, or ValueError for text that is not Unicode.

    The text is that of `dataset_json`, key for key.
    """
    before, after = _around_the_yield(about, offers, service)
    return Rendered(_dump(before)[:-1] + f',"{EXPECTED_YIELD}":'.encode(), b"," + _dump(after)[1:])


def rendered_catalog(catalog_id: str, participant_id: str, service: Service, datasets: Sequence[bytes]) -> bytes:
    """Return one page of the root Catalog around datasets that are text already: `catalog_json`, as text."""
    root = _dump(_root(catalog_id, participant_id, service))
    return b"".join((root[:-1], b',"dataset":[', b",".join(datasets), b"]}")) if datasets else root


def _dump(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _around_the_yield(
    about: DatasetDescription, offers: Sequence[Mapping[str, object]], service: Service
) -> tuple[Json, Json]:
    """What stands in a Dataset before and after the expected yield."""
    if not offers:
        raise OfferError("a dataset in a catalogue has at least one offer")
    for offer in offers:
        _check_offer(offer)
    before: Json = {"@id": about.id, "@type": "Dataset", **dict(_terms(about))}
    ways = [{"@type": "Distribution", "format": way, "accessService": _service(service)} for way in FORMATS[about.kind]]
    return before, {"hasPolicy": [dict(offer) for offer in offers], "distribution": ways}


def _service(service: Service) -> Json:
    return {"@id": service.id, "@type": "DataService", "endpointURL": service.endpoint_url}


def _check_offer(offer: Mapping[str, object]) -> None:
    if offer.get("@type") != "Offer" or not isinstance(offer.get("@id"), str):
        raise OfferError("an offer has the type Offer and an id")
    if not (offer.get("permission") or offer.get("prohibition")):
        raise OfferError("an offer permits or prohibits something")
    if any(key.rpartition(":")[2] == "target" for key in _keys(offer)):
        raise OfferError("an offer in a catalogue has no target: the dataset is the target")


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _keys(inner)


def _terms(about: DatasetDescription) -> Iterator[tuple[str, object]]:
    yield "dct:identifier", about.id
    yield "dct:title", about.title
    yield "dct:description", about.description
    yield "dct:type", _ref(f"{KIND}{about.kind}")
    yield "dct:subject", list(about.categories)
    yield "dct:publisher", about.publisher_name
    yield "dct:accessRights", _ref(f"{_AUTHORITY}/access-right/NON_PUBLIC")
    yield "dct:license", _ref(about.licence)
    yield "dct:language", _refs(f"{_AUTHORITY}/language/{LANGUAGES[code]}" for code in about.languages)
    yield "dct:extent", f"{band_words(about.number_of_people)} people"
    yield "dct:issued", wire(about.issued)
    yield "dct:modified", wire(about.modified)
    yield "dcat:version", about.version
    yield "dcat:keyword", list(about.keywords)
    yield "dcat:theme", _refs(about.themes)
    yield "dcat:contactPoint", _ref(about.contact.page or f"mailto:{about.contact.email}")
    if about.spatial:
        yield "dct:spatial", _refs(f"{_AUTHORITY}/country/{code}" for code in about.spatial)
    if period := _period(about):
        yield "dct:temporal", period


def _period(about: DatasetDescription) -> Json:
    ends = {"dcat:startDate": about.period_start, "dcat:endDate": about.period_end}
    return {term: day.isoformat() for term, day in ends.items() if day is not None}


def _ref(iri: str) -> Json:
    return {"@id": iri}


def _refs(iris: Iterable[str]) -> list[Json]:
    return [_ref(iri) for iri in iris]
