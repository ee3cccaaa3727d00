"""`concord consent receipt`, `concord consent export` and `concord audit register` against serving participants."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
import zipfile

import pytest

from connector.cli.program import run
from connector.identity.statements import StatementType, read_statement
from connector.records import LogEntry
from connector.services.rights.packing import verifier
from connector.services.wallet.views import Answer
from tests.two_party import story

YES = Answer("yes", {story.RECORDS: None})


@pytest.fixture
async def answered(trio):
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    somebody = await story.linked_patient(trio.wallet, trio.hospital)
    number = (await trio.wallet.services.wallet.answer(somebody.actor, study, YES)).number
    await trio.wallet.quiet()
    return trio, somebody, number


async def concord(party, *arguments: object) -> int:
    """The command, in a thread: it waits for the server, which is on this loop."""
    given = [*map(str, arguments), "--directory", str(party.founded.directory)]
    return await asyncio.to_thread(run, given)


async def taken(party, target, *arguments: object) -> bytes:
    assert await concord(party, *arguments, "--output", target) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    return target.read_bytes()


async def test_a_receipt_in_every_form(answered, tmp_path):
    trio, _, number = answered
    begins = {"json": b"{", "jws": b"eyJ", "html": b"<!doctype html>", "pdf": b"%PDF-"}
    for form, first in begins.items():
        body = await taken(trio.wallet, tmp_path / f"r.{form}", "consent", "receipt", number, "--format", form)
        assert body.startswith(first)
    keys = [trio.wallet.context.signer.public_jwk]
    assert read_statement((tmp_path / "r.jws").read_text(), StatementType.RECEIPT, keys)["dct:identifier"]


async def test_the_receipt_a_person_takes_away_is_checked_by_the_program_in_the_export(answered, tmp_path):
    trio, somebody, _ = answered
    body = await taken(trio.wallet, tmp_path / "all.zip", "consent", "export", "--account", somebody.actor.account)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(tmp_path / "mine")
    assert (tmp_path / "mine" / "verify_receipt.py").read_bytes() == verifier()
    [jws] = (tmp_path / "mine" / "receipts").glob("*.jws")
    for signed in (jws, tmp_path / "mine" / "contents.jws"):
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-I", "-S", "verify_receipt.py", signed, "key.json"],
            cwd=tmp_path / "mine", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


async def test_a_person_is_named_by_name_and_no_file_is_overwritten(answered, tmp_path, capfd):
    trio, _, _ = answered
    target = tmp_path / "ann.zip"
    assert await concord(trio.wallet, "consent", "export", "--account", "Ann Example", "--output", target) == 0
    before = target.read_bytes()
    assert await concord(trio.wallet, "consent", "export", "--account", "Ann Example", "--output", target) == 2
    assert "already" in capfd.readouterr().err
    assert target.read_bytes() == before
    assert await concord(trio.wallet, "consent", "export", "--account", "Nobody", "--output", tmp_path / "n.zip") == 2


async def test_an_unknown_receipt_is_one_clear_line(answered, capfd):
    trio, _, _ = answered
    assert await concord(trio.wallet, "consent", "receipt", "urn:uuid:none") == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


async def test_without_a_file_the_receipt_is_on_the_screen(answered, capfd):
    trio, _, number = answered
    assert await concord(trio.wallet, "consent", "receipt", number, "--json") == 0
    assert json.loads(capfd.readouterr().out)["receipt"]["@type"] == "dpv:ConsentReceipt"


async def test_the_register_in_every_form(answered, tmp_path):
    trio, _, _ = answered
    for form in ("html", "csv", "json", "jws", "zip"):
        body = await taken(trio.hospital, tmp_path / f"r.{form}", "audit", "register", "--format", form)
        assert body
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text("utf-8-sig"))))
    assert [row["kind"] for row in rows] == ["offer"]


async def api(party, path: str, **params: str):
    client, token = party.running, party.app.state.running.token
    assert client is not None
    headers = {"authorization": f"Bearer {token}"}
    import httpx2

    async with httpx2.AsyncClient(trust_env=False, timeout=20) as asking:
        return await asking.get(f"{party.direct}{path}", params=params, headers=headers)


async def test_the_persons_file_at_the_holder_by_its_address(answered):
    trio, somebody, _ = answered
    path = f"/api/people/{somebody.person}/file"
    answer = await api(trio.hospital, path)
    assert (answer.status_code, answer.json()["file"]["person"]["name"]) == (200, "Ann Example")
    page = await api(trio.hospital, path, format="html")
    assert page.text.startswith("<!doctype html>")
    assert (await api(trio.hospital, path, format="zip")).content.startswith(b"PK")
    assert (await api(trio.hospital, path, ground="curiosity")).status_code == 400
    assert (await api(trio.hospital, "/api/people/nobody/file")).status_code == 404
    assert len(await trio.hospital.find(LogEntry, kind="person.file-opened")) == 3
