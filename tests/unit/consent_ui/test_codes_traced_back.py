"""The pages on which staff ask whose code it is, approve, and see it once."""

from __future__ import annotations

import pytest

from tests.unit.consent_ui.fakes.tracing import CODE
from tests.unit.consent_ui.test_desk_and_choices import visiting

SIDES = pytest.mark.parametrize("role", ["steward", "dpo"])


@SIDES
def test_asking_says_what_is_missing_and_then_asks(role):
    visitor, services = visiting("hospital", role)
    visitor.open(f"/{role}/codes")
    visitor.send("Ask", code="", reason="")
    assert visitor.status == 400
    assert "Say what happened" in visitor.page.html
    contract = services.reidentifying._rows[0].agreement
    visitor.send("Ask", code=CODE, agreement=contract, ground="safety", reason="Somebody is in danger.")
    assert services.reidentifying.done == [("ask", CODE, "safety")]


@SIDES
def test_who_it_is_stands_on_the_page_that_opened_it_and_on_no_other(role):
    visitor, services = visiting("hospital", role)
    page = visitor.open(f"/{role}/codes/urn:uuid:r2")
    assert "Anna Berg" not in page.html
    visitor.send("Show who it is, and tell them")
    assert "Anna Berg" in visitor.page.html
    assert services.reidentifying.done == [("open", "urn:uuid:r2")]
    assert "Anna Berg" not in visitor.open(f"/{role}/codes/urn:uuid:r3").html


def test_a_case_that_is_over_offers_nothing():
    visitor, _ = visiting("hospital", "dpo")
    for over in ("r3", "r4", "r5"):
        html = visitor.open(f"/dpo/codes/urn:uuid:{over}").html
        assert "<form" not in html.partition("<main")[2].partition("</main>")[0]


def test_approving_and_refusing_reach_the_service():
    visitor, services = visiting("hospital", "dpo")
    visitor.open("/dpo/codes/urn:uuid:r1")
    visitor.send("Approve", note="Seen.")
    visitor.open("/dpo/codes/urn:uuid:r1")
    visitor.send("Refuse", why="")
    assert visitor.status == 400
    visitor.send("Refuse", why="It is known.")
    assert services.reidentifying.done == [
        ("approve", "urn:uuid:r1", "Seen."),
        ("refuse", "urn:uuid:r1", "It is known."),
    ]
