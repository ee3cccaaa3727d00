"""What holds for every page, whoever it is for."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from consent_ui.portal import ROUTERS
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.tour import EMPTY_TOUR, TOUR
from tests.unit.consent_ui.fakes.visitor import ORIGIN, Page, Visitor

PLACES = ("wallet", "hospital", "research")


@pytest.fixture(scope="module", params=[False, True], ids=["full", "empty"])
def pages(request) -> dict[str, Page]:
    """Every page of every role, of a portal in use or on its first day."""
    found = {}
    for (place, role), paths in (EMPTY_TOUR if request.param else TOUR).items():
        visitor = Visitor(portal(place, request.param), role)
        for path in paths:
            page = visitor.open(path)
            assert visitor.status == 200, path
            found[path] = page
    return found


def test_a_page_has_one_heading_a_title_and_a_language(pages):
    for path, page in pages.items():
        assert len(page.all("h1")) == 1, path
        assert page.all("html")[0]["lang"] == "en", path
        assert re.search(r"<title>\S.+ - \S.+</title>", page.html), path


def test_a_page_runs_no_script_and_carries_no_style_of_its_own(pages):
    for path, page in pages.items():
        assert not page.all("script"), path
        assert not page.all("style"), path
        for tag, attributes in page.tags:
            assert "style" not in attributes, (path, tag)
            assert not any(name.startswith("on") for name in attributes), (path, tag)


def test_a_page_loads_nothing_from_elsewhere(pages):
    for path, page in pages.items():
        for tag in ("link", "img", "iframe", "source", "use"):
            for attributes in page.all(tag):
                address = attributes.get("href") or attributes.get("src") or ""
                assert address.startswith("/static/"), (path, address)


def test_names_inside_a_page_are_unique_and_point_to_something(pages):
    for path, page in pages.items():
        ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
        assert all(count == 1 for count in ids.values()), (path, ids.most_common(2))
        for _, attributes in page.tags:
            for name in ("for", "aria-describedby", "aria-labelledby"):
                for target in (attributes.get(name) or "").split():
                    assert target in ids, (path, name, target)


def test_every_field_has_a_label(pages):
    for path, page in pages.items():
        labelled = {attributes["for"] for attributes in page.all("label")}
        for tag in ("input", "select", "textarea"):
            for attributes in page.all(tag):
                if attributes.get("type") != "hidden":
                    assert attributes.get("id") in labelled, (path, attributes)


def test_nothing_is_ticked_before_the_person_ticks_it(pages):
    for path, page in pages.items():
        if path.endswith("/limit"):  # shows what is shared already, to take ticks away
            continue
        assert not [field for field in page.all("input") if "checked" in field], path


def test_every_form_that_changes_something_carries_the_token(pages):
    for path, page in pages.items():
        for form in page.forms:
            if form.method == "post":
                assert "csrf" in form.names, (path, form.buttons)


def test_no_button_says_submit_or_ok(pages):
    for path, page in pages.items():
        for form in page.forms:
            for label in form.buttons:
                assert label.split()[0].lower() not in {"submit", "ok", "okay"}, path


def test_every_answer_carries_the_protective_headers(pages):
    for place in PLACES:
        visitor = Visitor(portal(place))
        for path in ("/", "/nothing-here", "/static/concord.css"):
            visitor.client.get(path)
            headers = visitor.client.get(path).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "script-src 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert ("no-store" in headers["cache-control"]) != path.startswith("/static/")


@pytest.mark.parametrize(("place", "role"), list(TOUR))
def test_without_signing_in_every_page_leads_to_signing_in(place, role):
    client = Visitor(portal(place)).client
    for path in TOUR[place, role]:
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next=%2F"), path
        assert role not in answer.text


@pytest.mark.parametrize(
    ("place", "role", "other"),
    [(*home, other) for home in TOUR for other in ("patient", "researcher", "steward", "dpo", "operator")
     if other != home[1]],
)  # fmt: skip
def test_no_role_opens_the_pages_of_another(place, role, other):
    visitor = Visitor(portal(place), other)
    for path in TOUR[place, role]:
        visitor.open(path)
        assert visitor.status == 403, path
        assert "What is safe" in visitor.page.text


@pytest.mark.parametrize(
    ("place", "path", "role"),
    [("hospital", "/me", "patient"), ("wallet", "/research", "researcher"), ("wallet", "/steward", "steward")],
)
def test_a_role_has_no_pages_at_a_participant_that_has_no_such_role(place, path, role):
    visitor = Visitor(portal(place), role)
    visitor.open(path)
    assert visitor.status == 403


def unsafe_routes() -> list[tuple[str, str, str]]:
    """(place, role, path) of everything that accepts a form, found in the app itself."""
    where = {"/me": ("wallet", "patient"), "/research": ("research", "researcher")}
    where |= {"/steward": ("hospital", "steward"), "/dpo": ("hospital", "dpo"), "/record": ("hospital", "patient")}
    found = []
    for prefix, router in ROUTERS:
        for route in router.routes:
            if "POST" in route.methods:
                path = re.sub(r"\{[^}]*\}", "urn:uuid:x", prefix + route.path)
                if path == "/hand-over":  # takes a form of a holder's page on purpose: test_connecting_a_record
                    continue
                place, role = where.get("/" + path.split("/")[1], ("wallet", "patient"))
                found.append((place, role, path))
    assert len(found) > 40
    return found


@pytest.mark.parametrize(("place", "role", "path"), unsafe_routes())
def test_no_form_is_taken_from_elsewhere_or_without_the_token(place, role, path):
    visitor = Visitor(portal(place), role)
    token = f"token-cookie-0-{role}"
    foreign = visitor.client.post(path, data={"csrf": token}, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert "did not come from here" in foreign.text
    for data in ({"csrf": ""}, {"csrf": "wrong"}):
        kept = visitor.client.post(path, data=data, headers={"Origin": ORIGIN})
        assert kept.status_code == 409, path
        assert "Your work is kept" in kept.text


@pytest.mark.parametrize("path", ["/dsp/2025-1/nothing", "/consent/nothing", "/api/x", "/.well-known/x", "/data/x"])
def test_addresses_for_machines_keep_the_connectors_own_answers(path):
    answer = Visitor(portal("wallet")).client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert "content-security-policy" not in answer.headers
