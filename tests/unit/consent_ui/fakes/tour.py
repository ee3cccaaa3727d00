"""Every page that has an address of its own, by participant and role."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.unit.consent_ui.fakes.people import HEART, HOSPITAL, SLEEP, SUGAR
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET, PID

DATASET_QUERY = urlencode({"provider": HOSPITAL, "dataset": DATASET})

TOUR: dict[tuple[str, str], list[str]] = {
    ("wallet", "patient"): [
        "/me", "/me/permissions", "/me/links", "/me/uses", "/me/receipts/urn:uuid:c-2",
        f"/me/studies/{HEART}", f"/me/studies/{HEART}/which-data", f"/me/studies/{HEART}/no",
        f"/me/studies/{HEART}/later", f"/me/studies/{SLEEP}/stop", f"/me/studies/{SUGAR}/stopped",
    ],
    ("research", "researcher"): [
        "/research", "/research/catalogue", f"/research/catalogue/dataset?{DATASET_QUERY}", "/research/studies",
        "/research/studies/new", f"/research/studies/{HEART}", "/research/negotiations",
        f"/research/negotiations/{PID}", "/research/negotiations/urn:uuid:ended", "/research/contracts",
        f"/research/contracts/{AGREEMENT}", "/research/withdrawals",
    ],
    ("hospital", "steward"): [
        "/steward", "/steward/sources", "/steward/people", "/steward/datasets", "/steward/datasets/new",
        f"/steward/datasets/{DATASET}", "/steward/requests", f"/steward/requests/{HEART}",
    ],
    ("hospital", "dpo"): [
        "/dpo", "/dpo/contracts", f"/dpo/contracts/{AGREEMENT}", "/dpo/decisions/urn:uuid:d0",
        "/dpo/decisions/urn:uuid:d1", "/dpo/log", "/dpo/log/7", "/dpo/withdrawals",
    ],
}  # fmt: skip

EMPTY_TOUR: dict[tuple[str, str], list[str]] = {
    ("wallet", "patient"): ["/me", "/me/permissions", "/me/links", "/me/uses", f"/me/studies/{HEART}"],
    ("research", "researcher"): [
        "/research", "/research/catalogue", "/research/studies", "/research/studies/new", "/research/negotiations",
        "/research/contracts", "/research/withdrawals",
    ],
    ("hospital", "steward"): [
        "/steward", "/steward/sources", "/steward/people", "/steward/datasets", "/steward/datasets/new",
        "/steward/requests",
    ],
    ("hospital", "dpo"): ["/dpo", "/dpo/contracts", "/dpo/log", "/dpo/withdrawals"],
}  # fmt: skip
