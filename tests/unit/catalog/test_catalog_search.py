"""A researcher reads anybody's catalogue and finds what fits."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.dsp import OnOffer, Service, catalog_json, root_dataset_json
from catalog.expected import Expected, Told
from catalog.listing import CatalogUnreadable, listing_of, read_catalog, read_dataset
from catalog.search import Search
from policy.offers import research_offer

EXAMPLES = Path(__file__).parents[2] / "vectors" / "dsp" / "catalog" / "example"
SERVICE = Service("urn:x#dsp", "https://hospital.example/dsp/2025-1")
HOSPITAL = "urn:concord:hospital:1a2b3c4d"


def offered(base, number, **changes) -> OnOffer:
    offer = research_offer(f"urn:uuid:offer-{number}", ["dpv:AcademicResearch"], datetime(2027, 1, 1, tzinfo=UTC))
    return OnOffer(base.model_copy(update={"id": f"urn:uuid:{number}", **changes}), (offer,), Expected(13))


@pytest.fixture
def entries(description) -> list[OnOffer]:
    return [
        offered(description, 1),
        offered(description, 2, title="Heart rate, live", keywords=("wearable",), categories=("heart-rate", "steps"),
                kind="stream", publisher_name="Lumen", description="Points from wrist bands."),
        offered(description, 3, title="Étude du sommeil", keywords=("sleep",), categories=("sleep",), languages=("fr",),
                spatial=("FRA",), description="Nights."),
    ]  # fmt: skip


@pytest.fixture
def search(entries) -> Search:
    return Search(listing_of(entry, SERVICE, HOSPITAL) for entry in entries)


def test_our_own_catalogue_is_read_back(entries):
    body = json.loads(json.dumps(catalog_json("urn:c", HOSPITAL, SERVICE, entries)))
    read = read_catalog(body)
    assert read.unreadable == ()
    assert read.listings == tuple(listing_of(entry, SERVICE, HOSPITAL) for entry in entries)
    first = read.listings[0]
    assert (first.title, first.kind, first.expected_yield.people) == ("Records of routine care", "records", "13")
    assert first.endpoint_url == "https://hospital.example/dsp/2025-1"
    assert first.categories == ("conditions", "medications", "laboratory")
    assert first.countries == ("BEL",)


def test_a_single_dataset_is_read_back(entries):
    body = root_dataset_json(entries[1], SERVICE)
    assert read_dataset(body, HOSPITAL) == listing_of(entries[1], SERVICE, HOSPITAL)


def test_the_published_example_is_read():
    read = read_catalog(json.loads((EXAMPLES / "catalog.json").read_text()))
    (listing,) = read.listings
    assert listing.title == listing.id == "urn:uuid:3dd1add8-4d2d-569e-d634-8394a8836a88"
    assert listing.endpoint_url == "https://provider-a.com/connector"
    assert listing.expected_yield == Told()


def test_the_published_nested_example_has_no_datasets_of_its_own():
    assert read_catalog(json.loads((EXAMPLES / "nested-catalog.json").read_text())).listings == ()


def test_one_odd_dataset_does_not_hide_the_others(entries):
    body = catalog_json("urn:c", HOSPITAL, SERVICE, entries)
    del body["dataset"][0]["hasPolicy"]
    body["dataset"][2]["distribution"] = [{"accessService": "urn:unknown", "format": "HttpData-PULL"}]
    read = read_catalog(body)
    assert [listing.id for listing in read.listings] == ["urn:uuid:2"]
    assert [text.partition(":")[0] for text in read.unreadable] == ["dataset/0/hasPolicy", "dataset/2/distribution"]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"@type": "Dataset"}, {"@type": "Catalog"}, {"@type": "Catalog", "participantId": 3}]
)
def test_what_is_no_catalogue_is_refused(body):
    with pytest.raises(CatalogUnreadable):
        read_catalog(body)


def test_odd_words_in_a_foreign_dataset_are_read_as_far_as_they_go(entries):
    body = root_dataset_json(entries[0], SERVICE)
    deep = "x"
    for _ in range(2000):
        deep = [deep]
    body |= {
        "dct:title": [{"@value": "Titel", "@language": "de"}],
        "dct:description": deep,
        "dcat:keyword": {"@value": 3},
    }
    body["dct:extent"] = "y" * 100_000
    listing = read_dataset(body, HOSPITAL)
    assert listing.title == "Titel"
    assert listing.description == ""
    assert listing.keywords == ()
    assert len(listing.extent) == 4000


def test_an_empty_question_finds_everything(search):
    assert len(search.find().listings) == 3


def test_words_are_found_by_their_beginning_without_accents_or_case(search):
    assert [listing.id for listing in search.find("ETUDE somm").listings] == ["urn:uuid:3"]


def test_every_word_must_be_found(search):
    assert search.find("heart diabetes").listings == ()


def test_the_words_for_people_of_a_category_are_found(search):
    assert [listing.id for listing in search.find("medicines").listings] == ["urn:uuid:1"]


def test_a_word_in_the_title_counts_more_than_in_the_text(description):
    in_text = offered(description, 1, title="A", description="About sleep.", keywords=("x",))
    in_title = offered(description, 2, title="Sleep", description="About nights.", keywords=("x",))
    search = Search(listing_of(entry, SERVICE, HOSPITAL) for entry in (in_text, in_title))
    assert [listing.id for listing in search.find("sleep").listings] == ["urn:uuid:2", "urn:uuid:1"]


def test_facets_narrow_and_count(search):
    found = search.find(chosen={"category": ["heart-rate", "sleep"]})
    assert {listing.id for listing in found.listings} == {"urn:uuid:2", "urn:uuid:3"}
    assert found.facets["kind"] == {"records": 1, "stream": 1}
    assert found.facets["publisher"] == {"Lumen": 1, "St. Elisabeth Hospital": 1}
    assert found.facets["category"]["laboratory"] == 1


def test_an_unknown_facet_finds_nothing(search):
    assert search.find(chosen={"colour": ["blue"]}).listings == ()
