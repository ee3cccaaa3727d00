"""What a researcher sees of a dataset, read from anybody's DSP 2025-1 catalogue (or from our own description).

A catalogue of another party is foreign text: everything beyond DSP's own required fields may be absent or odd, so the
reading is forgiving about words and strict about what a negotiation needs (ids, offers, an endpoint).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from catalog.dsp import EXPECTED_YIELD, KIND, OnOffer, Service, dataset_json
from catalog.expected import Told, read_told

Json = Mapping[str, object]
_LONGEST = 4000
_DCT = "http://purl.org/dc/terms/"
_DCAT = "http://www.w3.org/ns/dcat#"


class CatalogUnreadable(ValueError):
    """The answer is not a DSP Catalog, or a dataset in it cannot be negotiated; the text says where and what."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One dataset as seen by a consumer. `kind` is "records", "stream" or ""; `extent` is words.

    `offers` are the Offers as published (without target), `endpoint_url` the DSP base address that negotiates them,
    `provider` the participant id of the catalogue.
    """

    id: str
    provider: str
    title: str
    description: str
    publisher: str
    kind: str
    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    languages: tuple[str, ...]
    countries: tuple[str, ...]
    extent: str
    expected_yield: Told
    formats: tuple[str, ...]
    offers: tuple[Json, ...]
    endpoint_url: str


def listing_of(entry: OnOffer, service: Service, participant_id: str) -> Listing:
    """Return our own dataset as others see it. Raises `catalog.dsp.OfferError`."""
    return _listing(dataset_json(entry, service), participant_id, {}, "dataset")


@dataclass(frozen=True, slots=True)
class ForeignCatalog:
    """What could be read of a catalogue: the listings, and per dataset that could not be read where and why."""

    provider: str
    listings: tuple[Listing, ...]
    unreadable: tuple[str, ...]


def read_catalog(body: object) -> ForeignCatalog:
    """Read the datasets of a Catalog (parsed JSON), nested catalogues left out.

    Raises `CatalogUnreadable` if it is no catalogue at all; one odd dataset does not hide the others.
    """
    if not isinstance(body, Mapping) or body.get("@type") not in {"Catalog", "dcat:Catalog"}:
        raise CatalogUnreadable("this is not a DSP Catalog")
    provider = body.get("participantId")
    if not isinstance(provider, str) or not provider:
        raise CatalogUnreadable("participantId: the catalogue does not say whose it is")
    services = {str(s.get("@id")): s for s in _objects(body.get("service"))}
    listings, unreadable = [], []
    for number, dataset in enumerate(_objects(body.get("dataset"))):
        try:
            listings.append(_listing(dataset, provider, services, f"dataset/{number}"))
        except CatalogUnreadable as error:
            unreadable.append(str(error))
    return ForeignCatalog(provider, tuple(listings), tuple(unreadable))


def read_dataset(body: object, provider: str) -> Listing:
    """Read a root Dataset, the answer to `GET /catalog/datasets/:id`. Raises `CatalogUnreadable`."""
    if not isinstance(body, Mapping) or body.get("@type") not in {"Dataset", "dcat:Dataset"}:
        raise CatalogUnreadable("this is not a DSP Dataset")
    return _listing(body, provider, {}, "dataset")


def _listing(body: Json, provider: str, services: Mapping[str, Json], where: str) -> Listing:
    identifier = body.get("@id")
    if not isinstance(identifier, str) or not identifier:
        raise CatalogUnreadable(f"{where}: it has no @id")
    distributions = tuple(_objects(body.get("distribution")))
    offers = tuple(_objects(body.get("hasPolicy")))
    if not offers or not all(isinstance(offer.get("@id"), str) for offer in offers):
        raise CatalogUnreadable(f"{where}/hasPolicy: it has no offer with an @id")
    return Listing(
        id=identifier,
        provider=provider,
        title=_text(body, "title") or identifier,
        description=_text(body, "description"),
        publisher=_text(body, "publisher"),
        kind=_kind(body),
        categories=tuple(_texts(body, "subject")),
        keywords=tuple(_texts(body, "keyword", "dcat", _DCAT)),
        languages=tuple(iri.rpartition("/")[2] for iri in _texts(body, "language")),
        countries=tuple(iri.rpartition("/")[2] for iri in _texts(body, "spatial")),
        extent=_text(body, "extent"),
        expected_yield=read_told(body.get(EXPECTED_YIELD)),
        formats=tuple(text for d in distributions for text in _words(d.get("format"))),
        offers=offers,
        endpoint_url=_endpoint(distributions, services, where),
    )


def _endpoint(distributions: tuple[Json, ...], services: Mapping[str, Json], where: str) -> str:
    for distribution in distributions:
        service = distribution.get("accessService")
        known = services.get(service) if isinstance(service, str) else service
        url = known.get("endpointURL") if isinstance(known, Mapping) else None
        if isinstance(url, str) and url:
            return url
    raise CatalogUnreadable(f"{where}/distribution: no accessService says where to negotiate")


def _kind(body: Json) -> str:
    named = (iri.removeprefix(KIND) for iri in _texts(body, "type") if iri.startswith(KIND))
    return next((kind for kind in named if kind in {"records", "stream"}), "")


def _text(body: Json, term: str) -> str:
    return next(_texts(body, term), "")


def _texts(body: Json, term: str, prefix: str = "dct", namespace: str = _DCT) -> Iterator[str]:
    """Yield the values of a term under its prefixed, full or bare name."""
    for name in (f"{prefix}:{term}", f"{namespace}{term}", term):
        if name in body:
            return _words(body[name])
    return iter(())


def _words(value: object, depth: int = 3) -> Iterator[str]:
    """Yield the texts of a JSON-LD value: a string, `@value`, `@id`, or a list of them."""
    if isinstance(value, str):
        yield value[:_LONGEST]
    elif isinstance(value, Mapping) and depth:
        yield from _words(value.get("@value", value.get("@id")), depth - 1)
    elif isinstance(value, list) and depth:
        for item in value[:100]:
            yield from _words(item, depth - 1)


def _objects(value: object) -> Iterator[Json]:
    """Yield the objects of a JSON-LD array; a single object stands for an array of one."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Mapping):
            yield item
