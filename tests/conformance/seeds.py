"""What the connector under test has from the beginning: itself, the kit as a member, datasets, agreements.

Written before it is served, into the directory alone; a directory that has them keeps what it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.founding import STORE_FILE, found
from connector.identity.keys import fingerprint, jwk_of_ed25519
from connector.identity.members import Member
from connector.ports import Transaction
from connector.problems import Problem
from connector.records import Agreement, Dataset, MemberEntry
from connector.settings import load
from connector.storage import SqliteStore
from contracts.agreement import make_agreement
from contracts.terms import terms_digest
from tests.conformance import ids
from tests.conformance.plugs import offer_of

NAME = "Connector under test"
MADE = datetime(2026, 1, 1, tzinfo=UTC)
_LATER_KEYS = ("CONCORD_PARTICIPANT_ID", "CONCORD_PORT", "CONCORD_PUBLIC_URL", "CONCORD_BIND_HOST")


def founded(directory: Path, host: str, port: int, more_datasets: int = 0) -> None:
    """Make the directory a participant that has everything the kit asks about; one of ours is taken up again.

    Raises Problem when somebody else lives there.
    """
    if not (directory / "concord.toml").exists():
        found(directory, NAME, "participant", port)
    if load(directory).name != NAME:
        raise Problem(
            409, "not-ours", f"There is another participant in {directory}", accepted="a directory of its own"
        )
    _here(directory, host, port)
    store = SqliteStore(directory / STORE_FILE)
    try:
        store.submit(lambda tx: _plant(tx, more_datasets)).result()
    finally:
        store.close()


def _here(directory: Path, host: str, port: int) -> None:
    """Its id, which the kit expects and nobody would found, and where it is reached this time."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    values = dict(zip(_LATER_KEYS, (ids.CONNECTOR, str(port), url, host), strict=True))
    os.environ |= values | {"CONCORD_DIRECTORY": str(directory)}


def _plant(tx: Transaction, more_datasets: int) -> None:
    more = ((dataset_of(id), id) for id in ids.more(more_datasets))
    for record, key in chain(_everything(), more):
        if tx.get(type(record), key) is None:
            tx.add(record)


def _everything() -> Iterator[tuple[Any, str]]:
    member = kit_member()
    yield (
        MemberEntry(id=member.id, origin=member.origin, standing="active", entry=member.model_dump(mode="json")),
        ids.KIT,
    )
    for dataset in ids.DATASETS:
        yield dataset_of(dataset), dataset
    for agreement in (*ids.PROVIDER_AGREEMENTS, ids.OWN_PROVIDER_AGREEMENT):
        yield agreement_of(agreement, "provider"), agreement
    for agreement in (*ids.CONSUMER_AGREEMENTS, ids.OWN_CONSUMER_AGREEMENT):
        yield agreement_of(agreement, "consumer"), agreement


def kit_member() -> Member:
    """The kit in the members register. Its key signs nothing: the fixture's identity asks for none."""
    key = Ed25519PrivateKey.from_private_bytes(sha256(ids.KIT.encode()).digest())
    jwk = jwk_of_ed25519(key.public_key().public_bytes_raw())
    return Member(
        id=ids.KIT, name="The compatibility kit", role="participant", origin="http://127.0.0.1:9",
        dsp="http://127.0.0.1:9/dsp", keys=(jwk,), fingerprint=fingerprint(jwk), allow_http=True, added_at=MADE,
    )  # fmt: skip


def dataset_of(id: str) -> Dataset:
    """A dataset anybody may use."""
    offer = {key: value for key, value in offer_of(id).items() if key != "target"}
    return Dataset(
        id=id, source="kit", title=id, offer_id=ids.offer_id(id), offer=offer, profile="kit:0",
        description=described(id), published_at=MADE,
    )  # fmt: skip


def described(id: str) -> dict[str, Any]:
    """A dataset's description, as short as one may be."""
    return {
        "id": id, "title": f"Dataset {id}", "description": "A dataset of the compatibility kit.", "keywords": ["kit"],
        "categories": ["other"], "publisher_name": "Concord", "contact": {"name": "Desk", "email": "desk@example.org"},
        "licence": "https://example.org/licence", "provenance": "Made for the kit.", "kind": "records", "source": "kit",
        "issued": MADE.isoformat(), "modified": MADE.isoformat(), "version": "1", "health_category": "EHRS",
    }  # fmt: skip


def agreement_of(id: str, role: str) -> Agreement:
    """An agreement with the kit that has been finalized."""
    dataset = ids.KNOWN[0]
    parties = (ids.CONNECTOR, ids.KIT) if role == "provider" else (ids.KIT, ids.CONNECTOR)
    policy = make_agreement(id, offer_of(dataset), dataset, *parties, MADE)
    return Agreement(
        id=id, role=role, counterparty=ids.KIT, negotiation=f"kit:{id}", dataset=dataset, policy=policy,
        digest=terms_digest(policy), profile="kit:0", profile_digest="0", standing="active", made_at=MADE,
    )  # fmt: skip
