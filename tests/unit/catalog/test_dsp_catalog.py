"""Our catalogue is a DSP 2025-1 Catalog by the published schemas, and tells no more than it should."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest

from catalog.description import Kind
from catalog.dsp import (
    EXPECTED_YIELD,
    OfferError,
    OnOffer,
    Service,
    catalog_json,
    rendered,
    rendered_catalog,
    root_dataset_json,
)
from catalog.expected import Expected, Told, read_told
from policy.offers import research_offer

VECTORS = Path(__file__).parents[2] / "vectors" / "dsp-catalog"
SERVICE = Service("urn:concord:hospital:1a2b3c4d#dsp", "https://hospital.example/dsp/2025-1")
OFFER = research_offer(
    "urn:uuid:0b2f6d9e-0000-4000-8000-000000000001", ["dpv:AcademicResearch"], datetime(2027, 1, 1, tzinfo=UTC)
)
DSP_TERMS = {"@context", "@id", "@type", "hasPolicy", "distribution"}


def validator(name: str) -> jsonschema_rs.Validator:
    schemas = [json.loads(path.read_text()) for path in VECTORS.glob("*.json")]
    registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in schemas])
    root = next(schema for schema in schemas if schema["$id"].endswith(f"/{name}-schema.json"))
    return jsonschema_rs.validator_for(root, registry=registry)


@pytest.fixture
def entry(description) -> OnOffer:
    return OnOffer(description, (OFFER,), expected_yield=Expected(13))


def the_catalog(*entries: OnOffer) -> dict:
    return catalog_json("urn:concord:hospital:1a2b3c4d#catalog", "urn:concord:hospital:1a2b3c4d", SERVICE, entries)


def test_a_catalogue_is_valid_by_the_published_schema(entry):
    validator("catalog").validate(the_catalog(entry))


def test_a_dataset_is_valid_by_the_published_schema(entry):
    validator("dataset").validate(root_dataset_json(entry, SERVICE))


def test_an_empty_catalogue_has_no_dataset_key_and_still_a_service():
    empty = the_catalog()
    validator("catalog").validate(empty)
    assert "dataset" not in empty
    assert empty["service"][0]["endpointURL"] == "https://hospital.example/dsp/2025-1"


def test_the_schema_would_refuse_an_empty_dataset_list():
    assert not validator("catalog").is_valid(the_catalog() | {"dataset": []})


def test_a_dataset_has_only_dublin_core_and_dcat_terms_and_one_full_address(entry):
    (dataset,) = the_catalog(entry)["dataset"]
    others = [key for key in dataset.keys() - DSP_TERMS if not key.startswith(("dct:", "dcat:"))]
    assert others == [EXPECTED_YIELD]


def test_only_the_bare_context_is_given(entry):
    assert the_catalog(entry)["@context"] == ["https://w3id.org/dspace/2025/1/context.jsonld"]


@pytest.mark.parametrize(
    ("kind", "formats"), [("records", ["HttpData-PULL", "HttpData-PUSH"]), ("stream", ["HttpData-PULL"])]
)
def test_records_can_be_pulled_or_pushed_and_streams_are_pulled(description, kind, formats):
    about = description.model_copy(update={"kind": Kind(kind)})
    (dataset,) = the_catalog(OnOffer(about, (OFFER,), Expected(13)))["dataset"]
    assert [d["format"] for d in dataset["distribution"]] == formats
    assert {d["accessService"]["endpointURL"] for d in dataset["distribution"]} == {SERVICE.endpoint_url}


@pytest.mark.parametrize("people", [0, 12])
def test_a_dataset_written_out_once_is_the_same_dataset(description, people):
    about = description.model_copy(update={"title": 'A "quoted" \u00e9 title', "description": EXPECTED_YIELD})
    expected = Expected(people, (people, people, 0, 0))
    entry = OnOffer(about, (OFFER,), expected)
    text = rendered(about, (OFFER,), SERVICE)
    assert json.loads(text.text(expected)) == the_catalog(entry)["dataset"][0]
    assert json.loads(text.root(expected)) == root_dataset_json(entry, SERVICE)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_catalogue_around_written_datasets_is_the_same_catalogue(description, count):
    entries = [
        OnOffer(description.model_copy(update={"id": f"urn:uuid:{n}"}), (OFFER | {"@id": f"urn:o:{n}"},), Expected(13))
        for n in range(count)
    ]
    texts = [rendered(one.description, one.offers, SERVICE).text(Expected(13)) for one in entries]
    ids = "urn:concord:hospital:1a2b3c4d#catalog", "urn:concord:hospital:1a2b3c4d"
    assert json.loads(rendered_catalog(*ids, SERVICE, texts)) == the_catalog(*entries)


@pytest.mark.parametrize(("people", "told"), [(0, "fewer than 10"), (9, "fewer than 10"), (10, "10"), (13, "13")])
def test_the_expected_yield_is_never_a_number_below_ten(description, people, told):
    found = root_dataset_json(OnOffer(description, (OFFER,), Expected(people)), SERVICE)[EXPECTED_YIELD]
    assert found["people"] == told


def test_what_is_expected_later_is_told_in_bands_so_that_no_single_end_shows():
    told = Expected(13, (12, 9, 0, 0)).wire()
    assert told["later"] == [{"days": days, "people": n} for days, n in ((30, 10), (90, 0), (180, 0), (365, 0))]
    assert read_told(told) == Told("13", ((30, "10 or more"), *((days, "fewer than 10") for days in (90, 180, 365))))


@pytest.mark.parametrize(
    "value",
    [None, 7, [], {}, {"people": 13}, {"later": 1}, {"later": [{"days": 30, "people": 7}, {"days": 1, "people": 10}]}],
)
def test_what_another_catalogue_says_wrongly_of_later_is_left_out(value):
    assert read_told(value) == Told()


def test_the_source_and_the_exact_number_of_people_stay_at_home(entry):
    text = json.dumps(the_catalog(entry))
    assert '"ehr"' not in text
    assert "20 or more people" in text


@pytest.mark.parametrize(
    "change",
    [
        {"target": "urn:uuid:1"},
        {"odrl:target": "urn:uuid:1"},
        {"permission": [{"action": "use", "target": "urn:uuid:1"}]},
        {"permission": [{"action": "use", "duty": [{"action": "x", "http://www.w3.org/ns/odrl/2:target": "y"}]}]},
        {"@type": "Agreement"},
        {"@id": None},
        {"permission": [], "prohibition": []},
    ],
)
def test_an_offer_that_cannot_stand_in_a_catalogue_is_an_error(description, change):
    with pytest.raises(OfferError):
        root_dataset_json(OnOffer(description, (OFFER | change,), Expected(13)), SERVICE)


def test_a_dataset_without_an_offer_is_an_error(description):
    with pytest.raises(OfferError):
        root_dataset_json(OnOffer(description, (), Expected(13)), SERVICE)


def test_one_offer_under_two_datasets_is_an_error(entry, description):
    other = OnOffer(description.model_copy(update={"id": "urn:uuid:2"}), (OFFER,), Expected(13))
    with pytest.raises(OfferError, match="exactly one dataset"):
        the_catalog(entry, other)
