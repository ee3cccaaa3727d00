"""The pages that say where a leak check found something, and never what."""

from __future__ import annotations

import pytest

from tests.unit.consent_ui.test_desk_and_choices import visiting


@pytest.mark.parametrize("role", ["steward", "dpo"])
def test_staff_read_where_something_was_found_and_destroy_it_with_a_reason(role):
    visitor, services = visiting("hospital", role)
    assert "urn:uuid:q1" in visitor.open(f"/{role}/quarantine").html
    page = visitor.open(f"/{role}/quarantine/urn:uuid:q1")
    assert "valueQuantity.value" in page.html
    visitor.send("Destroy", reason="")
    assert visitor.status == 400
    visitor.send("Destroy", reason="Taken out of the profile.")
    assert services.quarantine.done == [("urn:uuid:q1", "Taken out of the profile.")]


def test_an_officer_reads_on_the_first_page_that_something_was_held_back():
    visitor, _ = visiting("hospital", "dpo")
    assert "One person&#39;s records are held back" in visitor.open("/dpo").html.replace("'", "&#39;")


def test_what_is_destroyed_offers_nothing_more():
    visitor, _ = visiting("hospital", "dpo")
    html = visitor.open("/dpo/quarantine/urn:uuid:q2").html
    assert "<form" not in html.partition("<main")[2].partition("</main>")[0]
    assert "Taken out of the profile" in html
