"""Every example message of the specification, read and written again."""

import json
from pathlib import Path

import pytest

from contracts import schemas
from contracts.messages import MODELS, Posted, Shape, VersionResponse, read, type_of
from contracts.names import MessageType

VECTORS = Path(__file__).parents[2] / "vectors" / "dsp"
DID_SERVICES = {"catalogservice-did-service.json", "dataservice-did-service.json"}
EXAMPLES = sorted(path for path in VECTORS.glob("*/example/*.json") if path.name not in DID_SERVICES)


def kind_of(body: dict[str, object]) -> MessageType:
    kind = type_of(body) or (MessageType.VERSION_RESPONSE if "protocolVersions" in body else None)
    assert kind is not None
    return kind


def load(path: Path) -> dict[str, object]:
    return json.loads(path.read_text("utf-8"))


def test_the_vector_set_is_complete() -> None:
    assert len(EXAMPLES) == 25
    assert {kind_of(load(path)) for path in EXAMPLES} == set(MessageType)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_read_and_written_again_word_for_word(path: Path) -> None:
    body = load(path)
    message = read(kind_of(body), body)
    if isinstance(message, Posted):
        message = message.model_copy(update={"id": "urn:uuid:5f9d"})
        body["@id"] = "urn:uuid:5f9d"
    assert message.wire() == body
    assert type(message).read(message.wire()) == message


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_satisfies_the_packaged_schema(path: Path) -> None:
    body = load(path)
    assert schemas.validator(kind_of(body)).is_valid(body)


@pytest.mark.parametrize(("name", "valid"), [("catalogservice-did-service", True), ("dataservice-did-service", False)])
def test_of_the_did_service_examples_one_is_faulty_upstream(name: str, valid: bool) -> None:
    body = load(VECTORS / "common" / "example" / f"{name}.json")
    assert schemas.validator_at("common/did-service-schema.json").is_valid(body) is valid


@pytest.mark.parametrize("name", ["transfer-error", "transfer-suspension-message", "transfer-termination-message"])
def test_the_three_broken_references_are_mended_on_load_and_do_check(name: str) -> None:
    body = load(VECTORS / "transfer" / "example" / f"{name}.json")
    validator = schemas.validator_at(f"transfer/{name}-schema.json")
    assert validator.is_valid(body)
    assert not validator.is_valid({**body, "reason": []})


def test_every_message_type_has_a_model_and_a_schema() -> None:
    assert set(MODELS) == set(schemas.SCHEMA_OF) == set(MessageType)
    for kind, model in MODELS.items():
        assert issubclass(model, Shape)
        assert model is VersionResponse or kind == model.TYPE
