"""Requests to an object store: signed as Amazon's published vectors say, and no secret anywhere it does not belong."""

from __future__ import annotations

import datetime as moments
import logging
from hashlib import sha256
from typing import Any

import botocore.auth
import pytest

from connector.outbound.object_store import signed
from contracts.messages import DataAddress
from contracts.object_store import DIGEST, FORMAT, TYPE, NotAStore, ObjectStore, read_store, store_address

EXAMPLE = ObjectStore(
    "https://examplebucket.s3.amazonaws.com", "examplebucket", "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)  # fmt: skip
"""Of Amazon's documentation, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)"."""


@pytest.fixture
def then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of Amazon's examples."""
    fixed = moments.datetime(2013, 5, 24, tzinfo=moments.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: fixed.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("method", "path", "content", "said", "signature"),
    [
        (
            "GET", "/test.txt", b"", {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "GET", "/?lifecycle", b"", {},
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET", "/?max-keys=2&prefix=J", b"", {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
    ids=["an object", "its lifecycle", "a list"],
)  # fmt: skip
def test_the_published_examples_get_the_published_signatures(then, method, path, content, said, signature):
    headers = signed(EXAMPLE, method, f"{EXAMPLE.endpoint}{path}", content, said)
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert headers["x-amz-content-sha256"] == sha256(content).hexdigest()


def test_the_digest_of_the_body_and_our_own_header_are_signed_also_over_tls():
    headers = signed(EXAMPLE, "PUT", "https://s3.example.org/b/k", b"abc", {DIGEST: "d", "content-length": "3"})
    assert headers["x-amz-content-sha256"] == sha256(b"abc").hexdigest()
    assert f"{DIGEST}" in headers["authorization"].split("SignedHeaders=")[1]


def test_neither_repr_nor_a_log_nor_a_refusal_shows_a_key(caplog):
    store = ObjectStore("https://s3.example.org", "bucket", "AKIDACCESS", "topsecret", session_token="passing")
    with caplog.at_level(logging.DEBUG):
        signed(store, "PUT", "https://s3.example.org/bucket/k", b"", {})
    for secret in ("AKIDACCESS", "topsecret", "passing"):
        assert secret not in repr(store)
        assert secret not in caplog.text
        assert secret not in store.place
    with pytest.raises(NotAStore) as fault:
        ObjectStore("https://s3.example.org", "bucket", "AKID", "top secret")
    assert "top secret" not in str(fault.value)
    assert fault.value.field == "secret_key"


def test_an_address_comes_back_as_it_was_said():
    store = ObjectStore("https://s3.example.org:9000", "bucket", "AK", "SK", "a/b", "eu-central-1", "T", "x/y")
    address = store_address(store)
    assert address.endpoint_type == TYPE
    assert read_store(DataAddress.read(address.wire())) == store
    assert address.value_of(FORMAT) == "x/y"


def test_an_address_in_edcs_spelling_is_read():
    edc = "https://w3id.org/edc/v0.0.1/ns/"
    said = {"region": "eu-west-1", "bucketName": "bucket", "accessKeyId": "AK", "secretAccessKey": "SK"}
    properties = [{"@type": "EndpointProperty", "name": edc + name, "value": value} for name, value in said.items()]
    body: dict[str, Any] = {"@type": "DataAddress", "endpointType": TYPE, "endpointProperties": properties}
    store = read_store(DataAddress.read(body))
    assert (store.endpoint, store.bucket) == ("https://s3.eu-west-1.amazonaws.com", "bucket")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("endpoint", "https://user@s3.example.org"), ("endpoint", "https://s3.example.org/path"),
        ("endpoint", "ftp://s3.example.org"), ("endpoint", "https://s3.example.org?x"), ("bucket", "A"),
        ("bucket", "a..b"), ("bucket", "a/b"), ("prefix", "../up"), ("prefix", "a//b"), ("prefix", "/a"),
        ("prefix", "a b"), ("prefix", "a/./b"), ("prefix", "a" * 600), ("region", "eu/west"), ("access_key", "a/b"),
        ("access_key", ""), ("secret_key", ""), ("secret_key", "a\nb"), ("session_token", "a b"), ("format", "text"),
    ],
)  # fmt: skip
def test_what_is_no_store_is_refused_and_the_part_is_named(part: str, value: str):
    said = {"endpoint": "https://s3.example.org", "bucket": "bucket", "access_key": "AK", "secret_key": "SK"}
    with pytest.raises(NotAStore) as fault:
        ObjectStore(**(said | {part: value}))
    assert fault.value.field == part
