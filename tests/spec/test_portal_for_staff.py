"""What researchers, stewards and data protection officers do in the portal."""

from __future__ import annotations

import pytest

from connector.services.rooms.views import Fit
from tests.unit.consent_ui.fakes.people import HEART, HOSPITAL, NOW
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET, PID
from tests.unit.consent_ui.fakes.tour import DATASET_QUERY
from tests.unit.consent_ui.fakes.visitor import Visitor

RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
YEAR = NOW.year


@pytest.fixture
def research():
    app = portal("research")
    return Visitor(app, "researcher"), app.state.participant.services.research


@pytest.fixture
def steward():
    app = portal("hospital")
    return Visitor(app, "steward"), app.state.participant.services.steward


@pytest.fixture
def dpo():
    app = portal("hospital")
    return Visitor(app, "dpo"), app.state.participant.services.dpo


def test_what_needs_somebody_comes_first_on_every_staff_home(research, steward, dpo):
    assert research[0].open("/research").text.index("request the data") < research[0].page.text.index("In numbers")
    assert steward[0].open("/steward").text.index("Early signs") < steward[0].page.text.index("In numbers")
    assert dpo[0].open("/dpo").text.index("Overdue") < dpo[0].page.text.index("In numbers")


def test_the_catalogue_narrows_by_links_and_says_how_many_match(research):
    visitor, _ = research
    page = visitor.open("/research/catalogue")
    assert "2 datasets on offer." in page.text
    page = visitor.follow("Step counts")
    assert "1 dataset matches your search." in page.text
    assert "Records on heart" not in page.text
    page = visitor.open("/research/catalogue?text=nothing+like+it")
    assert "Nothing matches." in page.text


def test_a_contract_is_asked_for_with_a_study_and_a_purpose(research):
    visitor, service = research
    visitor.open(f"/research/catalogue/dataset?{DATASET_QUERY}")
    page = visitor.send("Ask for this contract")
    assert visitor.status == 400
    assert {"Choose the study request this is for", "Choose the purpose"} <= set(page.links)
    visitor.send("Ask for this contract", study=HEART, purpose=RESEARCH)
    assert service.asked == [(HOSPITAL, DATASET, "urn:uuid:offer-1", HEART, RESEARCH)]
    assert visitor.path == f"/research/negotiations/{PID}"
    assert "Waiting for Heart Rhythm Group" in visitor.page.text


def test_a_request_can_be_checked_against_the_terms_before_anything_is_sent(research):
    visitor, service = research
    visitor.open(f"/research/catalogue/dataset?{DATASET_QUERY}")
    page = visitor.send("Check it against the terms first", study=HEART, purpose=RESEARCH)
    assert "What you ask for and the offer can both be kept." in page.text
    assert "the time: 31 December 2027" in page.text
    service.fit = Fit("unknown", unknowns=["The offer limits the time; the request says nothing about it"])
    page = visitor.send("Check it against the terms first", study=HEART, purpose=RESEARCH)
    assert "The offer limits the time; the request says nothing about it" in page.text
    assert service.asked == []


def test_a_request_that_cannot_be_kept_with_the_terms_is_sent_only_when_that_was_said(research):
    visitor, service = research
    service.fit = Fit("conflict", clashes=["The offer ends 31 December 2027; the request begins 1 March 2028"])
    visitor.open(f"/research/catalogue/dataset?{DATASET_QUERY}")
    page = visitor.send("Ask for this contract", study=HEART, purpose=RESEARCH)
    assert "The offer ends 31 December 2027; the request begins 1 March 2028" in page.text
    assert service.asked == []
    visitor.send("Ask all the same", study=HEART, purpose=RESEARCH)
    assert service.asked == [(HOSPITAL, DATASET, "urn:uuid:offer-1", HEART, RESEARCH)]


def test_a_negotiation_that_ended_says_why(research):
    page = research[0].open("/research/negotiations/urn:uuid:ended")
    assert "ended without a contract" in page.text
    assert "Research for profit lies outside the purposes on offer" in page.text


def test_the_contract_room_shows_counts_and_reasons_as_a_bar_with_its_table(research):
    visitor, service = research
    page = visitor.open(f"/research/contracts/{AGREEMENT}")
    bar = next(attributes for attributes in page.all("svg") if attributes.get("role") == "img")
    assert "Sent 14" in bar["aria-label"]
    assert "fewer than 10" in page.text
    assert "Where it says fewer than 10, the bar shows 5" in page.text
    assert "Complete and unchanged" in page.text
    page = visitor.send("Request the data")
    assert service.requested == [AGREEMENT]
    assert "Your request is sent" in page.text
    visitor.follow("End this transfer")
    visitor.send("End this transfer", reason="We have enough.")
    assert visitor.path == f"/research/contracts/{AGREEMENT}?done=transfer-ended"


def write_request(visitor: Visitor) -> None:
    visitor.open("/research/studies/new")
    filled = dict.fromkeys(("why", "who_sees", "stored_where", "if_you_say_no", "risks", "money"), "Plain words.")
    filled |= {"title": "Early signs", "summary": "We look for early signs.", "purposes": [RESEARCH]}
    filled |= {"data": [f"{HOSPITAL}|{DATASET}"], f"kinds-{HOSPITAL}|{DATASET}": ["laboratory"]}
    filled |= {"contact_name": "Lies", "contact_email": "lies@ugent.example"}
    for name, year in (("answer_until", YEAR + 2), ("valid_until", YEAR + 3)):
        filled |= {f"{name}-day": "31", f"{name}-month": "3", f"{name}-year": str(year)}
    visitor.send("Check this request", **filled)


def test_a_study_request_is_read_as_people_will_before_it_is_published(research):
    visitor, service = research
    write_request(visitor)
    assert "Check this request" in visitor.page.text
    assert "St Elisabeth Hospital, Records on heart and blood pressure: Laboratory results" in visitor.page.text
    assert "Data of any date." in visitor.page.text
    assert service.published == []
    visitor.send("Change something")
    assert visitor.page.all("textarea")
    visitor.send("Check this request")
    visitor.send("Publish this request")
    draft = service.published[0]
    assert draft.data == [(HOSPITAL, DATASET, ["laboratory"])]
    assert draft.purposes == [RESEARCH]
    assert draft.answer_until.isoformat() == f"{YEAR + 2}-03-31T23:59:59+00:00"
    assert "Your request is published" in visitor.page.text


def test_an_unfinished_study_request_names_each_field_and_publishes_nothing(research):
    visitor, service = research
    visitor.open("/research/studies/new")
    page = visitor.send("Check this request", title="Kept", contact_email="nobody")
    assert visitor.status == 400
    for target in ("#summary", "#purposes", "#why", "#data", "#answer_until", "#valid_until", "#contact_email"):
        assert target in page.links.values()
    assert ("title", "Kept") in next(form for form in page.forms if "title" in form.names).fields
    assert service.published == []


def test_a_refusal_needs_its_reason_and_an_approval_does_not(steward):
    visitor, service = steward
    visitor.open("/steward")
    visitor.follow("Read and decide")
    page = visitor.send("Record this decision", decision="refuse")
    assert visitor.status == 400
    assert any(href == "#reason" for href in page.links.values())
    assert service.decided == {}
    visitor.send("Record this decision", decision="refuse", reason="The summary hides who pays.")
    assert service.decided[HEART] == (False, "The summary hides who pays.")
    assert "Your decision is recorded" in visitor.page.text


def test_an_approved_request_is_no_longer_open_for_decision(steward):
    visitor, service = steward
    visitor.open(f"/steward/requests/{HEART}")
    visitor.send("Record this decision", decision="approve")
    assert service.decided[HEART] == (True, "")
    page = visitor.open(f"/steward/requests/{HEART}")
    assert not any("Record this decision" in form.buttons for form in page.forms)


def test_names_are_shown_only_after_a_search_and_never_stand_in_an_address(steward):
    visitor, _ = steward
    assert "Jansen" not in visitor.open("/steward/people").text
    page = visitor.send("Find", text="jansen")
    assert "Maria Jansen" in page.text
    assert "Marian Peeters" not in page.text
    assert visitor.path == "/steward/people"


def test_a_link_code_is_shown_once_to_print(steward):
    visitor, _ = steward
    visitor.open("/steward/people")
    visitor.send("Find", text="mari")
    page = visitor.send("Make a code for Maria Jansen")
    assert "K7PQ-3M9X" in page.text
    assert "works once" in page.text


def publish_dataset(visitor: Visitor) -> None:
    visitor.open("/steward/datasets/new")
    visitor.send("Check this dataset", **{
        "title": "Heart", "description": "Adults.", "keywords": "heart, blood", "source": "bundles", "kind": "records",
        "categories": ["laboratory", "conditions"], "purposes": [RESEARCH], "until-day": "31", "until-month": "12",
        "until-year": str(YEAR + 2), "profile": "research-standard"})  # fmt: skip


def test_terms_are_read_as_sentences_before_a_dataset_is_published(steward):
    visitor, service = steward
    publish_dataset(visitor)
    for sentence in (
        "It may be used for: scientific research in health and care.",
        "Each person must have said yes",
        "It is not allowed to find out who a person is.",
        "It is not allowed to pass the data on.",
    ):
        assert sentence in visitor.page.text
    assert service.published == []
    visitor.send("Publish this dataset")
    draft = service.published[0]
    assert (draft.keywords, draft.categories) == (["heart", "blood"], ["conditions", "laboratory"])
    assert "Published." in visitor.page.text


def test_a_dataset_can_be_taken_back(steward):
    visitor, service = steward
    visitor.open(f"/steward/datasets/{DATASET}")
    visitor.send("Take this dataset out of the catalogue")
    assert service.taken_back == [DATASET]
    assert "Withdrawn" in visitor.page.text


def test_a_decision_reads_downwards_as_a_sentence_and_each_line_names_its_source(dpo):
    page = dpo[0].open("/dpo/decisions/urn:uuid:d1")
    order = ["Refused because", "the purpose is research for profit", "and", "the person said no",
             "this was not understood, which counts as no", "it would be allowed if"]  # fmt: skip
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    assert "/permission/0/constraint/0" in page.text


def test_a_replay_stands_beside_the_decision_and_differences_are_named(dpo):
    visitor, service = dpo
    visitor.open("/dpo/decisions/urn:uuid:d1")
    assert "The same answer came out again." in visitor.send("Replay this decision").text
    service.broken = True
    page = visitor.send("Replay this decision")
    assert "A different answer came out." in page.text
    assert "The second reason differs" in page.text


def test_a_check_of_the_log_names_the_first_bad_entry(dpo):
    visitor, service = dpo
    visitor.open("/dpo/log")
    assert "The log is whole. 131 entries checked" in visitor.send("Check the whole log now").text
    service.broken = True
    page = visitor.send("Check the whole log now")
    assert "The first bad entry is 77" in page.text


def test_the_log_is_read_in_pages_and_each_entry_opens_its_proof(dpo):
    visitor, _ = dpo
    visitor.open("/dpo/log")
    visitor.follow("Newer entries")
    visitor.follow("Newer entries")
    assert "Being added" in visitor.page.text
    assert "Newer entries" not in visitor.page.links
    page = visitor.open("/dpo/log/7")
    for words in ("Signed checkpoint", "python proof/verify_export.py proof", "concord audit export proof"):
        assert words in page.text


def test_an_overdue_withdrawal_is_named_in_words(dpo):
    page = dpo[0].open("/dpo/withdrawals")
    assert "Overdue" in page.text
    assert "Pharma Insight" in page.text


def test_one_account_changes_between_its_own_roles_only(steward):
    visitor, _ = steward
    visitor.open("/steward")
    visitor.send("Act as data protection officer")
    assert visitor.path == "/dpo"
    visitor.open("/steward")
    assert visitor.status == 403


def test_signing_out_ends_the_session(steward):
    visitor, _ = steward
    visitor.open("/steward")
    visitor.send("Sign out")
    assert "Sign in" in visitor.page.links
    answer = visitor.client.get("/steward", follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?next=%2Fsteward"


def test_decisions_of_a_contract_can_be_narrowed_to_those_refused(dpo):
    visitor, _ = dpo
    page = visitor.open(f"/dpo/contracts/{AGREEMENT}")
    assert "3 in all" in page.text
    page = visitor.follow("Refused")
    assert "2 in all" in page.text
    assert "The person agreed." not in page.text
    assert "Allowed" in page.links


@pytest.mark.parametrize(
    ("start", "rows", "before", "after"),
    [(0, 50, None, 50), (50, 50, 0, 100), (100, 20, 50, None), (500, 0, 450, None)],
)
def test_a_long_list_is_read_page_by_page(start, rows, before, after):
    from consent_ui.pages.dpo import Portion

    portion = Portion(list(range(120)), start, "decisions")
    assert (len(portion.rows), portion.before, portion.after) == (rows, before, after)
