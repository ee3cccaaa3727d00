"""A person takes everything with them: all that their pages show, nothing of anybody else, in seconds."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import Authority, LogEntry, RecipientProgress, UseOfData, WalletConsent, WalletOptOut
from connector.services.wallet.views import Answer
from policy.consent import ConsentRecord
from policy.fhir_consent import from_fhir
from policy.instants import wire
from policy.records27560 import read_27560
from tests.two_party import story

YES = Answer("yes", {story.RECORDS: ["laboratory", "medications"]}, date(2020, 1, 1), None)


async def lived(trio, name: str, study: str):
    """A person who said yes, was used and refused, stopped, and has somebody who acts for them."""
    wallet, hospital = trio.wallet, trio.hospital
    somebody = await story.linked_patient(wallet, hospital, name)
    number = (await wallet.services.wallet.answer(somebody.actor, study, YES)).number
    await wallet.quiet()
    await wallet.services.wallet.withdraw(somebody.actor, study, "erase")
    await wallet.quiet()
    account, now = somebody.actor.account, datetime.now(UTC)
    await wallet.add(
        UseOfData(id=story.urn(), account=account, holder=hospital.id, at=now, recipient=trio.research.id,
                  recipient_name=f"Receiver of {name}", study=study, agreement=story.urn(), resources=4711),
        UseOfData(id=story.urn(), account=account, holder=hospital.id, at=now - timedelta(days=40), kind="refused",
                  recipient=trio.research.id, recipient_name="Research", study=study, agreement=story.urn(),
                  resources=0, reason=f"The person {name} had not answered yet."),
        RecipientProgress(notice=story.urn(), consent=number, version=2, holder=hospital.id, recipient="r",
                          recipient_name=f"Told about {name}", told_at=now, erased_at=now, objects=3, lines=99,
                          verified=True),
        Authority(id=story.urn(), account=account, proxy=account, kind="parent", evidence=f"seen for {name}"),
        WalletOptOut(id=story.urn(), account=account, at=now),
    )  # fmt: skip
    return somebody, number


@pytest.fixture
async def two(trio):
    """Two people who lived through the same; (trio, study, (person, receipt), (person, receipt))."""
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    return trio, study, await lived(trio, "Ann Example", study), await lived(trio, "Bob Sample", study)


async def archive(trio, actor, **more) -> dict[str, bytes]:
    paper = await trio.wallet.services.rights.exports.of(actor, **more)
    with zipfile.ZipFile(io.BytesIO(paper.body)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def leaves(value: Any):
    """Every value a page shows, as the export writes it."""
    if is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from leaves(getattr(value, one.name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, datetime):
        yield wire(value)
    elif isinstance(value, date):
        yield value.isoformat()
    elif isinstance(value, str) and value:
        yield value


def texts(value: Any):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif value is not None:
        yield str(value)


PAGES_OWN = {"reached", "not-yet-reached", "release", "all of it", "study-page/1"}
"""What pages say about how they show something, not about the person."""


async def test_an_export_contains_everything_the_portal_shows(two):
    trio, study, (ann, number), _ = two
    wallet = trio.wallet.services.wallet
    shown = [
        await wallet.home(ann.actor), await wallet.permissions(ann.actor), await wallet.receipt(ann.actor, number),
        await wallet.uses(ann.actor), await wallet.coverage(ann.actor), await wallet.progress(ann.actor, study),
        await wallet.study(ann.actor, study), await wallet.people.links(ann.actor),
    ]  # fmt: skip
    files = await archive(trio, ann.actor)
    kept = set(texts(json.loads(files["everything.json"]))) | set(texts(json.loads(files["fhir-bundle.json"])))
    kept |= {document["key"]["kid"] for name, body in files.items() if name.endswith(".json") and "receipts/" in name
             for document in [json.loads(body)]} | PAGES_OWN  # fmt: skip
    signer = (await wallet.receipts.proof(ann.actor, number)).signer_key
    missing = {one for one in leaves(shown) if one not in kept and one != signer}
    assert not missing


async def test_the_readable_page_says_the_same(two):
    trio, _, (ann, number), _ = two
    page = (await archive(trio, ann.actor))["read-me-first.html"].decode()
    for said in ("Ann Example", "Heart study", "4711", "Receiver of Ann Example", "had not answered yet", number,
                 "Told about Ann Example", "Laboratory results", "You stopped sharing", "Medicines"):  # fmt: skip
        assert said in page, said
    assert "<script" not in page
    assert "http-equiv" in page


async def test_an_export_holds_nothing_of_anybody_else(two):
    trio, _, (ann, anns), (bob, bobs) = two
    wallet = trio.wallet
    consents = await wallet.find(WalletConsent, account=bob.actor.account)
    uses = await wallet.find(UseOfData, account=bob.actor.account)
    links = await wallet.services.wallet.people.links(bob.actor)
    keys = (await wallet.services.wallet.receipts.proof(bob.actor, bobs)).signer_key
    foreign = {bob.actor.account, "Bob Sample", bobs, bobs.removeprefix("urn:uuid:"), keys, bob.person}
    foreign |= {one.digest for one in consents} | {one.jws for one in consents} | {one.link for one in links}
    foreign |= {one.id for one in uses} | {one.agreement for one in uses}
    files = await archive(trio, ann.actor)
    for name, body in files.items():
        text = body.decode("utf-8", "replace")
        assert not [one for one in foreign if one in text or one in name], name
    assert any(anns.rpartition(":")[2] in name for name in files)


async def test_every_version_stands_in_it_as_signed_as_fhir_and_as_27560(two):
    trio, _, (ann, _), _ = two
    files = await archive(trio, ann.actor)
    kept = [ConsentRecord.from_json(one.record) for one in
            await trio.wallet.find(WalletConsent, account=ann.actor.account, order="version")]  # fmt: skip
    bundle = json.loads(files["fhir-bundle.json"])
    found = [one["resource"] for one in bundle["entry"]]
    assert [from_fhir(one) for one in found if one["resourceType"] == "Consent"] == kept
    records = json.loads(files["consent-records-27560.json"])
    assert [read_27560(one)[0] for one in records] == kept
    assert [one.version for one in kept] == [1, 2]
    assert [one["resourceType"] for one in found].count("Provenance") == 2
    assert [one["resourceType"] for one in found].count("AuditEvent") == 2


async def test_the_bundle_is_fhir_r4(two):
    from fhir.resources.R4B.bundle import Bundle

    trio, _, (ann, _), _ = two
    Bundle.model_validate_json((await archive(trio, ann.actor))["fhir-bundle.json"])


async def test_the_list_of_contents_is_signed_and_complete(two):
    trio, _, (ann, _), _ = two
    files = await archive(trio, ann.actor)
    listed = read_statement(
        files.pop("contents.jws").decode(), StatementType.EXPORT, [trio.wallet.context.signer.public_jwk]
    )
    assert listed["files"] == {name: sha256(body).hexdigest() for name, body in files.items()}


async def test_taking_it_away_is_logged_without_a_name(two):
    trio, _, (ann, _), _ = two
    await archive(trio, ann.actor)
    [entry] = await trio.wallet.find(LogEntry, kind="person.exported")
    assert entry.subject == ann.actor.account
    assert "Ann" not in str(entry)


async def test_only_the_person_and_the_operator_take_it_away(two):
    trio, _, (ann, _), (bob, _) = two
    with pytest.raises(Problem, match="role"):
        await archive(trio, bob.actor, account=ann.actor.account)
    with pytest.raises(Problem, match="hosts nobody"):
        await archive(trio, trio.wallet.acting("operator"), account="nobody")
    assert await archive(trio, trio.wallet.acting("operator"), account=ann.actor.account)


async def test_somebody_who_did_nothing_yet_gets_their_file_too(trio):
    somebody = await story.patient(trio.wallet, trio.hospital, "Zoë Ångström")
    files = await archive(trio, somebody.actor)
    assert "Zoë Ångström" in files["read-me-first.html"].decode()
    assert json.loads(files["everything.json"])["consents"] == []


async def test_thousands_of_entries_are_all_in_it(two):
    trio, study, (ann, _), _ = two
    now = datetime.now(UTC)
    uses = [
        UseOfData(id=f"use-{one}", account=ann.actor.account, holder=trio.hospital.id, at=now - timedelta(minutes=one),
                  recipient=trio.research.id, recipient_name="Research", study=study, agreement="urn:uuid:a",
                  resources=one)
        for one in range(5000)
    ]  # fmt: skip
    await trio.wallet.add(*uses)
    begun = time.perf_counter()
    files = await archive(trio, ann.actor)
    print(f"5000 uses: {time.perf_counter() - begun:.2f} s, {sum(map(len, files.values()))} bytes")
    assert len(json.loads(files["everything.json"])["uses"]) == 5002
    assert len(json.loads(files["fhir-bundle.json"])["entry"]) == 2 * 2 + 5002
