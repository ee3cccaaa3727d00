"""The desk's pages, a person's opt-out, and what a data protection officer settles."""

from __future__ import annotations

import pytest

from tests.unit.consent_ui.fakes.people import HEART
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.visitor import ORIGIN, Visitor

ANSWER = f"/steward/people/p2/studies/{HEART}/answer"


def visiting(place: str, role: str) -> tuple[Visitor, object]:
    made = portal(place)
    return Visitor(made, role), made.state.participant.services


def said(visitor: Visitor, **changes):
    """A yes, as the form sends it."""
    page = visitor.open(f"/steward/people/p2/studies/{HEART}")
    token = next(field["value"] for field in page.all("input") if field.get("name") == "csrf")
    return {
        "csrf": token, "digest": "ab" * 32, "decision": "yes", "channel": "paper", "read_out": "yes",
        "data-1": ["vital-signs"], "protocol": "She signed it here.",
    } | changes  # fmt: skip


def send(visitor: Visitor, path: str, data, files=None):
    return visitor.client.post(path, data=data, files=files, headers={"Origin": ORIGIN}, follow_redirects=False)


def test_a_yes_at_the_desk_is_recorded_with_what_was_written_down():
    visitor, services = visiting("hospital", "steward")
    answer = send(visitor, ANSWER, said(visitor))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/steward/recorded/")
    last = services.desk.last
    assert (last.decision, last.channel, last.read_out) == ("yes", "paper", True)
    assert last.datasets == {"d-1": ["vital-signs"]}
    assert last.evidence.body == b"She signed it here."


def test_every_kind_ticked_is_all_of_the_data():
    visitor, services = visiting("hospital", "steward")
    send(visitor, ANSWER, said(visitor, **{"data-1": ["vital-signs", "laboratory"]}))
    assert services.desk.last.datasets == {"d-1": None}


def test_a_scan_comes_along_as_a_file():
    visitor, services = visiting("hospital", "steward")
    scan = {"evidence": ("form.pdf", b"%PDF-1.7 signed", "application/pdf")}
    assert send(visitor, ANSWER, said(visitor), scan).status_code == 303
    kept = services.desk.last.evidence
    assert (kept.media_type, kept.body) == ("application/pdf", b"%PDF-1.7 signed")


def test_a_file_that_is_not_kept_is_refused_on_its_field_and_the_form_keeps_the_rest():
    visitor, _ = visiting("hospital", "steward")
    scan = {"evidence": ("form.pdf", b"damaged", "application/pdf")}
    answer = send(visitor, ANSWER, said(visitor), scan)
    assert answer.status_code == 400
    assert "not of a kind that is kept" in answer.text
    assert "She signed it here." in answer.text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"read_out": ""}, "Read the words to the person"), ({"decision": ""}, "Choose what the person said"),
        ({"channel": "pigeon"}, "Choose how the person said it"), ({"data-1": []}, "Tick at least one kind of data"),
        ({"from-day": "1", "from-month": "1", "from-year": "2020", "until-day": "1", "until-month": "1",
          "until-year": "2019"}, "The last day is before the first day"),
    ],
)  # fmt: skip
def test_an_answer_that_lacks_something_is_refused_in_words(changes, sentence):
    visitor, services = visiting("hospital", "steward")
    answer = send(visitor, ANSWER, said(visitor, **changes))
    assert answer.status_code == 400
    assert sentence in answer.text
    assert services.desk.last is None


def test_a_stop_needs_neither_paper_nor_data():
    visitor, services = visiting("hospital", "steward")
    form = said(visitor, decision="erase", read_out="", protocol="", **{"data-1": []})
    assert send(visitor, ANSWER, form).status_code == 303
    assert (services.desk.last.decision, services.desk.last.evidence) == ("erase", None)


def test_an_upload_without_the_forms_token_or_from_elsewhere_does_nothing():
    visitor, services = visiting("hospital", "steward")
    scan = {"evidence": ("form.pdf", b"%PDF-", "application/pdf")}
    assert send(visitor, ANSWER, said(visitor, csrf="forged"), scan).status_code == 409
    elsewhere = visitor.client.post(ANSWER, data=said(visitor), files=scan, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert services.desk.last is None


def test_a_file_is_taken_on_the_desks_pages_only():
    visitor, _ = visiting("hospital", "steward")
    scan = {"evidence": ("form.pdf", b"%PDF-", "application/pdf")}
    assert send(visitor, "/steward/people", said(visitor), scan).status_code == 415


def test_a_file_that_is_too_large_is_refused_before_it_is_read():
    visitor, services = visiting("hospital", "steward")
    scan = {"evidence": ("form.pdf", b"%PDF-" + bytes(12 * 1024 * 1024), "application/pdf")}
    assert send(visitor, ANSWER, said(visitor), scan).status_code == 413
    assert services.desk.last is None


def test_the_words_are_read_out_from_the_page_and_the_receipt_is_printed():
    visitor, _ = visiting("hospital", "steward")
    page = visitor.open(f"/steward/people/p2/studies/{HEART}")
    assert "Read this out" in page.html
    assert "a general permission that you gave us before" in page.html
    assert visitor.client.get("/steward/recorded/urn:uuid:desk-1/receipt.html").text == "<p>Receipt</p>"
    assert visitor.client.get("/steward/recorded/urn:uuid:desk-1/receipt.pdf").status_code == 200


def test_somebody_with_a_wallet_is_sent_there():
    visitor, _ = visiting("hospital", "steward")
    page = visitor.open(f"/steward/people/p1/studies/{HEART}")
    assert "answers there" in page.html
    assert not [form for form in page.forms if form.action.endswith("/answer")]


def test_an_opt_out_at_the_desk():
    visitor, services = visiting("hospital", "steward")
    form = said(visitor) | {"choice": "out", "channel": "phone", "protocol": "He called."}
    assert send(visitor, "/steward/people/p2/opt-out", form).status_code == 303
    out, channel, evidence = services.desk.opted
    assert (out, channel, evidence.body) == (True, "phone", b"He called.")


def test_a_person_opts_out_on_one_page_after_reading_what_it_changes():
    visitor, services = visiting("wallet", "patient")
    page = visitor.open("/me/opt-out")
    assert "Heart rhythm at night" in page.html
    visitor.send("Stop all research use")
    assert services.wallet.opt_outs.out
    after = visitor.open("/me/opt-out")
    assert "You have stopped all research use" in after.html
    assert "Not reached yet" in after.html
    visitor.send("Allow research use again")
    assert not services.wallet.opt_outs.out


def test_the_officer_reviews_an_emergency_and_says_what_follows():
    visitor, services = visiting("hospital", "dpo")
    visitor.open("/dpo/emergencies/urn:uuid:e1")
    visitor.send("Record this verdict", verdict="not-justified")
    assert visitor.status == 400
    assert "Say what follows from it" in visitor.page.html
    visitor.send("Record this verdict", verdict="justified", note="")
    assert services.emergencies.reviewed == [("urn:uuid:e1", "justified", "")]


def test_the_officers_home_names_what_waits():
    visitor, _ = visiting("hospital", "dpo")
    html = visitor.open("/dpo").html
    assert "/dpo/emergencies" in html
    assert "/dpo/source-consents" in html


def test_a_consent_is_set_aside_only_with_a_reason():
    visitor, services = visiting("hospital", "dpo")
    visitor.open("/dpo/source-consents")
    visitor.send("Set it aside", reason="")
    assert visitor.status == 400
    visitor.send("Set it aside", reason="A form about another matter.")
    assert services.source_consents.settled == [("c1", "A form about another matter.")]


def test_the_steward_names_a_reference_and_takes_it_back():
    visitor, services = visiting("hospital", "steward")
    page = visitor.open("/steward/sources/names")
    visitor.send("Say whom it means", source="s1", reference="no reference", participant=participant(page))
    assert visitor.status == 400
    visitor.send("Say whom it means", source="s1", reference="Organization/9", participant=participant(page))
    assert services.source_names.rows[-1].reference == "Organization/9"


def participant(page) -> str:
    return next(option["value"] for option in page.all("option") if option["value"].startswith("urn:"))


def test_a_steward_lets_a_study_rest_on_consents_at_the_source_only_by_ticking_it():
    visitor, _ = visiting("hospital", "steward")
    page = visitor.open(f"/steward/requests/{HEART}")
    boxes = [field for field in page.all("input") if field.get("name") == "broad_consent"]
    assert len(boxes) == 1
    assert "checked" not in boxes[0]


def test_a_file_of_somebody_who_is_signed_out_is_not_even_read():
    visitor, services = visiting("hospital", "steward")
    form = said(visitor)
    visitor.client.cookies.clear()
    scan = {"evidence": ("form.pdf", b"%PDF-1.7", "application/pdf")}
    assert send(visitor, ANSWER, form, scan).status_code in {401, 409, 303}
    assert services.desk.last is None
