"""A receipt proves by itself what a person answered: signed by the wallet, checked offline, on paper, as a page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.identity.statements import StatementInvalid, StatementType, read_statement
from connector.problems import Problem
from connector.records import LogCheckpoint, UseOfData, WalletConsent
from connector.services.rights.packing import verifier
from connector.services.wallet.views import Answer
from policy.canonical import digest
from policy.consent import ConsentRecord
from policy.records27560 import faults, read_27560
from tests.two_party import story
from tests.two_party.space import until

YES = Answer("yes", {story.RECORDS: None})


@pytest.fixture
async def answered(trio):
    """A linked person who said yes; (trio, person, study, receipt number)."""
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    somebody = await story.linked_patient(trio.wallet, trio.hospital, "Łucja Żółć-Ñandú")
    number = (await trio.wallet.services.wallet.answer(somebody.actor, study, YES)).number
    await trio.wallet.quiet()
    return trio, somebody, study, number


def receipts(trio):
    return trio.wallet.services.wallet.receipts


async def record_of(trio, number) -> WalletConsent:
    return (await trio.wallet.find(WalletConsent, id=number, current=True))[0]


async def test_a_receipt_holds_the_whole_record_and_verifies_by_the_wallets_key(answered):
    trio, somebody, study, number = answered
    signed = await receipts(trio).signed(somebody.actor, number)
    claims = read_statement(signed.signed, StatementType.RECEIPT, [trio.wallet.context.signer.public_jwk])
    assert claims == signed.receipt
    assert faults(claims) == []
    inner = claims["dpv:hasRecordOfActivity"]
    record, around = read_27560({"@context": claims["@context"], **inner})
    kept = ConsentRecord.from_json((await record_of(trio, number)).record)
    assert record == kept
    assert around.notice.id == study
    assert {party.id for party in around.parties} == {trio.hospital.id, trio.wallet.id, trio.research.id}


async def test_a_receipt_holds_the_exact_words_and_their_hash(answered):
    trio, somebody, _, number = answered
    receipt = (await receipts(trio).signed(somebody.actor, number)).receipt
    assert digest(receipt["concord:words"]) == receipt["dpv:hasRecordOfActivity"]["dpv:hasNotice"]["concord:sha256"]


async def test_a_receipt_says_who_signed_how_and_where_the_log_names_it(answered):
    trio, somebody, _, number = answered
    await until(lambda: trio.wallet.find(LogCheckpoint), "a checkpoint")
    kept = await record_of(trio, number)
    receipt = (await receipts(trio).signed(somebody.actor, number)).receipt
    assert receipt["concord:signedConsent"] == kept.jws
    assert receipt["concord:interface"]
    [delivered] = receipt["concord:delivered"]
    assert (delivered["holder"], delivered["state"]) == (trio.hospital.id, "acknowledged")
    proof = await receipts(trio).proof(somebody.actor, number)
    assert proof.anchor.leaf == receipt["concord:log"]["leaf"]
    index = await until(lambda: anchored(trio, somebody, number), "the entry to stand under a checkpoint")
    entry = await trio.wallet.services.dpo.entry(trio.wallet.acting("dpo"), index)
    assert entry.leaf_hash == proof.anchor.leaf


async def anchored(trio, somebody, number):
    return (await receipts(trio).proof(somebody.actor, number)).anchor.index


async def test_contracts_that_used_the_consent_stand_in_the_receipt(answered):
    trio, somebody, study, number = answered
    use = UseOfData(id="u1", account=somebody.actor.account, holder=trio.hospital.id, at=datetime.now(UTC),
                    recipient=trio.research.id, recipient_name="Research", study=study,
                    agreement="urn:uuid:contract")  # fmt: skip
    other = UseOfData(id="u2", account="somebody-else", holder=trio.hospital.id, at=datetime.now(UTC),
                      recipient=trio.research.id, study=study, agreement="urn:uuid:not-mine")  # fmt: skip
    await trio.wallet.add(use, other)
    contracts = (await receipts(trio).signed(somebody.actor, number)).receipt["concord:contracts"]
    assert [one["id"] for one in contracts] == ["urn:uuid:contract"]


def run_verifier(directory: Path, jws: bytes, key: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (directory / "verify_receipt.py").write_bytes(verifier())
    (directory / "receipt.jws").write_bytes(jws)
    (directory / "key.json").write_text(json.dumps(key))
    # Isolated and without site-packages: nothing of ours is there, and nothing of anybody's but Python's own.
    program = [sys.executable, "-I", "-S", "verify_receipt.py", "receipt.jws", "key.json"]
    return subprocess.run(program, cwd=directory, capture_output=True, text=True, check=False)


async def test_anybody_can_check_a_receipt_offline(answered, tmp_path):
    trio, somebody, _, number = answered
    paper = await receipts(trio).file(somebody.actor, number, "jws")
    signed = await receipts(trio).signed(somebody.actor, number)
    answer = run_verifier(tmp_path, paper.body, signed.key)
    assert (answer.returncode, number in answer.stdout) == (0, True), answer.stdout + answer.stderr
    assert trio.wallet.context.signer.kid in answer.stdout


async def test_a_receipt_with_one_changed_byte_does_not_verify(answered, tmp_path):
    trio, somebody, _, number = answered
    signed = await receipts(trio).signed(somebody.actor, number)
    jws, keys = signed.signed.encode(), [trio.wallet.context.signer.public_jwk]
    first, second, _ = signed.signed.split(".")
    inside = [len(first) // 2, len(first) + len(second) // 2, len(jws) - 40, 0, len(jws) - 1]
    for place in [*inside, *range(0, len(jws), 97)]:
        changed = bytearray(jws)
        changed[place] ^= 1
        with pytest.raises(StatementInvalid):
            read_statement(changed.decode("latin-1"), StatementType.RECEIPT, keys)
    for place in inside:
        changed = bytearray(jws)
        changed[place] ^= 1
        answer = run_verifier(tmp_path, bytes(changed), signed.key)
        assert (answer.returncode, answer.stdout[:9]) == (1, "NOT VALID"), place


async def test_another_key_does_not_verify_it(answered, tmp_path):
    trio, somebody, _, number = answered
    signed = await receipts(trio).signed(somebody.actor, number)
    other = {name: trio.hospital.context.signer.public_jwk[name] for name in ("kty", "crv", "x")}
    assert run_verifier(tmp_path, signed.signed.encode(), other).returncode == 1


async def test_the_recipe_in_the_docs_is_the_one_that_works():
    page = (Path(__file__).parents[2] / "docs" / "receipts.md").read_text("utf-8")
    assert "python verify_receipt.py receipt.jws key.json" in page


@pytest.mark.parametrize(
    ("form", "begins"), [("pdf", b"%PDF-"), ("html", b"<!doctype html>"), ("json", b"{"), ("jws", b"eyJ")]
)
async def test_a_receipt_can_be_had_in_each_form(answered, form, begins):
    trio, somebody, _, number = answered
    paper = await receipts(trio).file(somebody.actor, number, form)
    assert paper.body.startswith(begins)
    assert "ucja" not in paper.name


async def test_the_page_for_taking_away_loads_nothing_and_runs_nothing(answered):
    trio, somebody, _, number = answered
    page = (await receipts(trio).file(somebody.actor, number, "html")).body.decode()
    assert not re.search(r"<(script|img|link|iframe|object)|src=|@import|url\(", page)
    for said in ("You said yes", number, "About why.", "Research One", "How to stop"):
        assert said in page


async def test_the_receipt_follows_the_answer(answered):
    trio, somebody, study, number = answered
    await trio.wallet.services.wallet.withdraw(somebody.actor, study, "stop")
    await trio.wallet.quiet()
    proof = await receipts(trio).proof(somebody.actor, number)
    assert (proof.state, proof.version) == ("withdrawn", 2)
    receipt = (await receipts(trio).signed(somebody.actor, number)).receipt
    events = receipt["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"]
    assert [one["@type"][0] for one in events] == ["dpv:ConsentGiven", "dpv:ConsentWithdrawn"]
    assert b"You stopped sharing" in (await receipts(trio).file(somebody.actor, number, "html")).body


async def test_nobody_elses_receipt_is_shown(answered):
    trio, somebody, _, number = answered
    other = await story.patient(trio.wallet, trio.hospital, "Bo Other")
    for read in (receipts(trio).proof, receipts(trio).signed):
        with pytest.raises(Problem, match="no such receipt"):
            await read(other.actor, number)
    with pytest.raises(Problem, match="no such receipt"):
        await receipts(trio).file(somebody.actor, "urn:uuid:none", "pdf")


async def test_a_form_that_does_not_exist_is_named(answered):
    trio, somebody, _, number = answered
    with pytest.raises(Problem, match="json, jws, html, pdf"):
        await receipts(trio).file(somebody.actor, number, "docx")


async def test_a_proxys_receipt_names_the_authority(answered):
    trio, somebody, study, _ = answered
    wallet = trio.wallet
    await wallet.services.wallet.withdraw(somebody.actor, study, "stop")
    child = await story.linked_patient(wallet, trio.hospital, "Kid Example")
    number = await wallet.services.wallet.answer_as_proxy(
        wallet.acting("operator"), child.actor.account, study, YES, "mother"
    )
    proof = await receipts(trio).proof(child.actor, number)
    assert (proof.signer, proof.authority) == ("proxy", "mother")
    assert datetime.now(UTC) - timedelta(minutes=5) < (await record_of(trio, number)).decided_at
