"""In-memory receipts, exports, opened files and register: enough for the pages that show them."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

from connector.problems import Problem
from connector.services.rights.holder_files import GROUNDS, FoundPerson, OpenedFile
from connector.services.rights.register import Abroad, Activity, Register
from connector.services.rights.registers import FORMS, as_csv
from connector.services.wallet.receipts import Paper, Proof
from policy.records27560 import Anchor
from tests.unit.consent_ui.fakes.people import HEART, HOSPITAL, WORDS


class Receipts:
    """Receipts of the in-memory wallet."""

    def __init__(self, wallet) -> None:
        self._wallet = wallet

    async def proof(self, actor, number) -> Proof:
        answer = self._wallet.answers.get(f"{HEART[:-1]}{number[-1]}")
        return Proof(
            number=number, version=2, state="refused" if answer and answer.decision == "no" else "given", words=WORDS,
            words_digest="ab" * 32, language="en", interface="study-page/1", signer="proxy", authority="her mother",
            authority_until=None, channel="portal", assurance="substantial", signer_key="kBa1", issuer_key="wAllet",
            contracts=[("urn:uuid:contract-1", "Heart Rhythm Group")],
            anchor=Anchor(log="urn:concord:wallet:1", leaf="cd" * 32, index=41), digest="ef" * 32, versions=2,
        )  # fmt: skip

    async def file(self, actor, number, form) -> Paper:
        if form not in ("json", "jws", "html", "pdf"):
            raise Problem(400, "invalid", "The input cannot be accepted", "A receipt has no such form", "format")
        return Paper(f"receipt-1-2.{form}", "application/octet-stream", b"a.b.c")


PERSON = {"id": "person-1", "name": "Maria Jansen", "born": "1954-03-02", "source_id": "MRN-7", "source_name": "Ward"}
FILE = {
    "made_at": "2026-11-21T14:05:09Z",
    "holder": {"id": HOSPITAL, "name": "St Elisabeth Hospital", "address": "https://h.example", "contact": None},
    "person": PERSON,
    "links": [{"wallet_name": "Vault Wallet", "linked_at": "2026-10-01T09:00:00Z", "standing": "active"}],
    "link_disputes": [],
    "records": [{"kind": "Observation", "category": "laboratory", "words": "Laboratory results", "count": 412,
                 "first": "2021-01-01", "last": "2026-01-01"}],
    "consents": [{"committed_at": "2026-10-01T09:00:00Z", "study_title": "Heart", "state": "given", "id": "urn:uuid:c",
                  "version": 1}],
    "source_consents": [], "opt_outs": [], "evidence": [], "emergencies": [], "withdrawals": [],
    "decisions": [{"at": "2026-10-02T09:00:00Z", "study_title": "Heart", "outcome": "deny", "because": ["No."],
                   "first_reason": "No.", "limits": []}],
    "transfers": [{"recipient_name": "Heart Rhythm Group", "study_title": "Heart", "dataset": "Records",
                   "purposes": [], "resources": 31, "first_at": None, "last_at": None, "contract_until": None}],
}  # fmt: skip


class Files:
    """Opened files of the in-memory holder."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, str, str]] = []

    async def find(self, actor, text, ground, reference="") -> list[FoundPerson]:
        found = "jansen" in text.lower()
        return [FoundPerson("person-1", "MRN-7", "Maria Jansen", date(1954, 3, 2))] if found else []

    async def open(self, actor, person, ground="access", reference="") -> OpenedFile:
        if person != "person-1" or ground not in GROUNDS:
            raise Problem(404, "not-found", "There is nothing here", "We keep data about nobody by this id")
        self.opened.append((person, ground, reference))
        return OpenedFile("urn:uuid:act", ground, True, FILE)

    async def archive(self, actor, person, ground="access", reference="") -> Paper:
        await self.open(actor, person, ground, reference)
        return Paper("what-we-keep-about-you.zip", "application/zip", b"PK")


class Exports:
    """The export of the in-memory wallet."""

    async def of(self, actor, account=None) -> Paper:
        return Paper("everything-about-me.zip", "application/zip", b"PK")


class Registers:
    """The register of the in-memory holder."""

    def __init__(self, empty: bool) -> None:
        self._empty = empty

    async def show(self, actor) -> Register:
        controller = {"id": HOSPITAL, "name": "St Elisabeth Hospital", "role": "hospital", "address": "Main Street 1",
                      "contact": "info@h.example", "data_protection_officer": "dpo@h.example"}  # fmt: skip
        activity = Activity(
            id="urn:uuid:contract-1", kind="contract", name="Share heart records for the study Heart",
            role="controller", state="active", purposes=["Research"], legal_basis="Consent",
            subjects=["Patients"], data=["Laboratory"],
            recipients=["Heart Rhythm Group"], abroad=[Abroad("Heart Rhythm Group", "IN", "NO GROUND ON FILE")],
            places=["Heart Rhythm Group: IN"], erased=["At the end"], safety=["Codes"], terms=["They may use it."],
            since="2026-01-01T00:00:00Z", until=None, from_record="agreement urn:uuid:contract-1",
        )  # fmt: skip
        return Register("register-1", "2026-11-21T14:05:09Z", controller, [] if self._empty else [activity])

    async def file(self, actor, form) -> Paper:
        if form not in FORMS:
            raise Problem(400, "invalid", "The input cannot be accepted", "The register has no such form", "format")
        return Paper(f"register.{form}", FORMS[form], as_csv(await self.show(actor)).encode())


def add(services, empty: bool) -> None:
    """Put them beside the other in-memory services."""
    services.wallet.receipts = Receipts(services.wallet)
    services.rights = SimpleNamespace(exports=Exports(), files=Files(), registers=Registers(empty))
