"""The operator's own rules for labels, read once and refused with the place when they are of another form."""

import json
import os

import pytest

from connector.problems import Problem
from connector.records import SourceRecord
from connector.services.holding.labels import label_all, label_body, labels_of
from connector.sources.label_rules import LARGEST_FILE, labeller_of
from policy.labelling import packaged_labeller
from tests.unit.policy.labelling.test_labelling import RULES, SCT, coded


def body(*codes, **more):
    return json.dumps(coded(*codes, **more)).encode()


def row(data, **more):
    return SourceRecord(source="s", resource_type="Condition", id="1", person=None, body=data, **more)


def test_without_a_file_the_packaged_rules_are_used():
    assert labeller_of(None, 0.5) is packaged_labeller(0.5)


def test_a_file_of_ones_own_is_used_instead(tmp_path):
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(RULES))
    labeller = labeller_of(file, 0.9)
    assert labeller.name.startswith("Ours ")
    given, name = label_body(labeller, body((SCT, "1"), (SCT, "2")))
    assert given["rules"] == ["substances"]
    assert [one["confidence"] for one in given["possible"]] == ["0.5", "0.5"]
    assert name == labeller.name


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "not JSON"), ('{"name": "x"}', "/updated_at"), ("[]", "/: not an object"), (None, "be read")],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place(tmp_path, text, why):
    file = tmp_path / "rules.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Problem) as refused:
        labeller_of(file, 0.5)
    assert why in str(refused.value)
    assert refused.value.where == "label_rules"


def test_a_file_without_end_is_not_read(tmp_path):
    file = tmp_path / "rules.json"
    with file.open("wb") as made:
        os.truncate(made.fileno(), LARGEST_FILE + 1)
    with pytest.raises(Problem, match="larger"):
        labeller_of(file, 0.5)


def test_a_record_that_cannot_be_read_has_no_labels_and_no_labeller():
    labeller = packaged_labeller()
    assert label_all(labeller, [b"{", b"[]", body(meta={"security": "R"})]) == [(None, "")] * 3


def test_kept_labels_count_only_if_the_labeller_in_use_gave_them():
    labeller = packaged_labeller()
    kept = {"labels": [["urn:x", "kept"]], "rules": []}
    [found] = labels_of(labeller, row(body(), labels=kept, labeller=labeller.name)).labels
    assert found.code == "kept"
    assert labels_of(labeller, row(body(), labels=kept, labeller="older")).labels == frozenset()
    assert labels_of(labeller, row(body(), labels={"labels": 1}, labeller=labeller.name)) is None
    assert labels_of(labeller, row(b"{")) is None
