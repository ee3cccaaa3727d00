"""Every page that has an address of its own, by participant and role."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.unit.consent_ui.fakes.copies import MODEL, RESULT
from tests.unit.consent_ui.fakes.negotiating import (
    CALM,
    ENDED,
    FOREIGN,
    OPEN_TERM,
    OURS,
    PRESSING,
    REPLACED,
    REPORT,
    THEIRS,
)
from tests.unit.consent_ui.fakes.people import HEART, HOSPITAL, SLEEP, SUGAR
from tests.unit.consent_ui.fakes.relating import DISPUTE, MINE, OLD_LINK
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET, PID
from tests.unit.consent_ui.fakes.withdrawing import BY_HAND, CONSENT, LATE

DATASET_QUERY = urlencode({"provider": HOSPITAL, "dataset": DATASET})

TOUR: dict[tuple[str, str], list[str]] = {
    ("wallet", "patient"): [
        "/me/opt-out", "/me", "/me/permissions", "/me/links", "/me/uses", "/me/receipts/urn:uuid:c-2", "/me/file",
        f"/me/studies/{HEART}", f"/me/studies/{HEART}/which-data", f"/me/studies/{HEART}/no",
        f"/me/studies/{HEART}/later", f"/me/studies/{SLEEP}/stop", f"/me/studies/{SUGAR}/stopped",
        "/me/people", f"/me/people/{MINE}/end", f"/me/links/{OLD_LINK}/wrong", f"/me/studies/{SLEEP}/renew",
        "/me/pause", "/me/paused", f"/me/studies/{SLEEP}/limit", f"/me/studies/{SLEEP}/limited",
    ],
    ("hospital", "patient"): ["/record"],
    ("wallet", "dpo"): ["/dpo/authorities"],
    ("research", "researcher"): [
        "/research", "/research/catalogue", f"/research/catalogue/dataset?{DATASET_QUERY}", "/research/studies",
        "/research/studies/new", f"/research/studies/{HEART}", "/research/negotiations",
        f"/research/negotiations/{PID}", "/research/negotiations/urn:uuid:ended", "/research/contracts",
        f"/research/contracts/{AGREEMENT}", "/research/withdrawals", f"/research/negotiations/{PRESSING}",
        f"/research/negotiations/{PRESSING}/counter", f"/research/contracts/{ENDED}",
        f"/research/contracts/{AGREEMENT}/end", f"/research/contracts/{AGREEMENT}/change",
        f"/research/contracts/proposals/{THEIRS}", f"/research/contracts/proposals/{OURS}",
        "/research/transfers/urn:uuid:t2/pause", "/research/transfers/urn:uuid:t2/end",
        f"/research/contracts/duties/{REPORT}", f"/research/withdrawals/copies/{MODEL}",
        f"/research/withdrawals/copies/{RESULT}", "/research/why", "/research/why/urn:uuid:w2",
    ],
    ("research", "dpo"): ["/dpo/copies", f"/dpo/copies/{MODEL}"],
    ("hospital", "steward"): [
        "/steward/people/p1/answers", "/steward/people/p2/answers", f"/steward/people/p2/studies/{HEART}",
        "/steward/recorded/urn:uuid:desk-1", "/steward/sources/names", "/steward",
        "/steward/sources", "/steward/people", "/steward/datasets", "/steward/datasets/new",
        "/steward/datasets/outlook", "/steward/people/p1", "/steward/people/p2",
        f"/steward/datasets/{DATASET}", "/steward/requests", f"/steward/requests/{HEART}",
        "/steward/negotiations", f"/steward/negotiations/{CALM}", f"/steward/negotiations/{PRESSING}",
        f"/steward/negotiations/{OPEN_TERM}", f"/steward/negotiations/{PID}", f"/steward/negotiations/{CALM}/counter",
        "/steward/negotiations/rules", "/steward/negotiations/rules/new",
        f"/steward/negotiations/rules/remove?dataset=&counterparty={FOREIGN}", "/steward/negotiations/offer",
        f"/steward/negotiations/offer/terms?consumer={FOREIGN}&dataset={DATASET}", "/steward/contracts",
        f"/steward/contracts/{AGREEMENT}", f"/steward/contracts/{ENDED}", f"/steward/contracts/{REPLACED}",
        f"/steward/contracts/{AGREEMENT}/end", f"/steward/contracts/{AGREEMENT}/change",
        f"/steward/contracts/proposals/{THEIRS}", "/steward/contracts/accepted",
        "/steward/codes", "/steward/codes/urn:uuid:r2", f"/steward/risk?dataset={DATASET}",
        "/steward/quarantine", "/steward/quarantine/urn:uuid:q1", "/steward/why", "/steward/why/urn:uuid:w1",
        "/steward/risk/urn:uuid:risk-1", "/steward/risk/urn:uuid:risk-2",
        f"/steward/contracts/accepted/{FOREIGN}/revoke", "/steward/transfers/urn:uuid:t2/pause",
    ],
    ("hospital", "dpo"): [
        "/dpo/emergencies", "/dpo/emergencies/urn:uuid:e1", "/dpo/emergencies/urn:uuid:e2", "/dpo/source-consents",
        "/dpo", "/dpo/contracts", f"/dpo/contracts/{AGREEMENT}", "/dpo/decisions/urn:uuid:d0",
        "/dpo/links", f"/dpo/links/{DISPUTE}", "/dpo/links/urn:uuid:dispute-2",
        "/dpo/decisions/urn:uuid:d1", "/dpo/log", "/dpo/log/7", "/dpo/withdrawals",
        "/dpo/people", "/dpo/register", "/dpo/codes", "/dpo/codes/urn:uuid:r1", "/dpo/codes/urn:uuid:r2",
        f"/dpo/risk?agreement={AGREEMENT}", "/dpo/risk/urn:uuid:risk-1", "/dpo/risk/urn:uuid:risk-3",
        "/dpo/risk/urn:uuid:risk-4", "/dpo/quarantine", "/dpo/quarantine/urn:uuid:q1", "/dpo/quarantine/urn:uuid:q2",
        "/dpo/why", "/dpo/why/urn:uuid:w2",
        "/dpo/codes/urn:uuid:r3", "/dpo/codes/urn:uuid:r4", "/dpo/codes/urn:uuid:r5",
        "/dpo/unproven", "/dpo/overdue", f"/dpo/overdue/{LATE}", f"/dpo/overdue/{BY_HAND}",
        f"/dpo/overdue/contracts/{AGREEMENT}", "/dpo/consents", f"/dpo/consents/{CONSENT}/end",
    ],
}  # fmt: skip

EMPTY_TOUR: dict[tuple[str, str], list[str]] = {
    ("hospital", "patient"): ["/record"],
    ("wallet", "dpo"): ["/dpo/authorities"],
    ("wallet", "patient"): ["/me/people", "/me/opt-out", "/me",
    "/me/permissions", "/me/links", "/me/uses", f"/me/studies/{HEART}"],
    ("research", "researcher"): [
        "/research", "/research/catalogue", "/research/studies", "/research/studies/new", "/research/negotiations",
        "/research/contracts", "/research/withdrawals",
    ],
    ("hospital", "steward"): [
        "/steward/people/p2/answers", "/steward/sources/names",
        "/steward", "/steward/sources", "/steward/people", "/steward/datasets", "/steward/datasets/new",
        "/steward/datasets/outlook",
        "/steward/requests", "/steward/negotiations", "/steward/negotiations/rules", "/steward/negotiations/rules/new",
        "/steward/negotiations/offer", "/steward/contracts", "/steward/contracts/accepted",
        "/steward/codes", "/steward/risk", "/steward/quarantine", "/steward/why",
    ],
    ("research", "dpo"): ["/dpo/copies"],
    ("hospital", "dpo"): ["/dpo/emergencies", "/dpo/source-consents", "/dpo/links", "/dpo",
    "/dpo/quarantine",
    "/dpo/people", "/dpo/register", "/dpo/codes", "/dpo/risk", "/dpo/contracts", "/dpo/log", "/dpo/withdrawals",
    "/dpo/unproven"],
}  # fmt: skip
