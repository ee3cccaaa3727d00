"""A shelf serves the pages of a catalogue as the description says them, while datasets come and go."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from catalog.dsp import OfferError, Service
from catalog.expected import Expected
from catalog.paging import CatalogRefusal, Filter, page_of, read_filter
from catalog.shelf import Shelf, shelved
from policy.offers import research_offer

SERVICE = Service("urn:concord:hospital:1a2b3c4d#dsp", "https://hospital.example/dsp/2025-1")
START = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = Filter()
OFFER = research_offer("urn:uuid:1", ["dpv:AcademicResearch"], datetime(2027, 1, 1, tzinfo=UTC))


def about(description, n, day=None, **changes):
    issued = START + timedelta(days=n if day is None else day)
    return description.model_copy(update={"id": f"urn:uuid:{n:03}", "issued": issued} | changes)


def on_shelf(description, n, day=None, **changes):
    return shelved(about(description, n, day, **changes), ({**OFFER, "@id": f"urn:o:{n}"},), SERVICE)


def walk(shelf, wanted=EVERYTHING, size=4):
    pages = [shelf.page(wanted, None, size)]
    while pages[-1].next:
        pages.append(shelf.page(wanted, pages[-1].next, size))
    return [entry.id for page in pages for entry in page.entries]


def test_pages_are_those_of_the_descriptions(description):
    days = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    shelf = Shelf(on_shelf(description, n, day) for n, day in enumerate(days))
    plain = [about(description, n, day) for n, day in enumerate(days)]
    assert walk(shelf) == [one.id for one in page_of(plain, size=100).entries]
    assert shelf.page(Filter(), size=4).next == page_of(plain, size=4).next


def test_a_walk_goes_on_while_datasets_are_published_and_taken_back(description):
    """The token of one shelf is read on the next: what stayed is met exactly once, whatever came and went."""
    before = [on_shelf(description, n) for n in range(0, 40, 2)]
    first = Shelf(before).page(Filter(), size=5)
    met = [entry.id for entry in first.entries]
    token, step = first.next, 0
    stays = {entry.id for entry in before}
    while token:
        come = [on_shelf(description, n) for n in range(1, 2 * step + 2, 2)]
        gone = {before[step].id, before[-1 - step].id}
        stays -= gone
        page = Shelf([entry for entry in before if entry.id in stays] + come).page(Filter(), token, 5)
        met += [entry.id for entry in page.entries]
        token, step = page.next, step + 1
    assert len(met) == len(set(met))
    assert stays <= set(met)


def test_a_filter_is_applied_once_for_all_its_pages(description, monkeypatch):
    shelf = Shelf(on_shelf(description, n, title=f"Asthma {'odd' if n % 2 else 'even'}") for n in range(20))
    asked = []
    passes = Filter.passes
    monkeypatch.setattr(Filter, "passes", lambda self, *given: (asked.append(given), passes(self, *given))[1])
    wanted = read_filter([{"text": "asthma odd"}])
    assert walk(shelf, wanted) == [f"urn:uuid:{n:03}" for n in range(1, 20, 2)]
    assert walk(shelf, read_filter([{"text": "odd ASTHMA"}])) == walk(shelf, wanted)
    assert len(asked) == 20


def test_remembered_filters_have_a_limit(description):
    shelf = Shelf([on_shelf(description, 1)])
    for n in range(200):
        shelf.page(read_filter([{"text": f"word{n}"}]))
    assert len(shelf._filtered) <= 32


def test_a_token_that_is_not_ours_is_refused(description):
    with pytest.raises(CatalogRefusal):
        Shelf([on_shelf(description, 1)]).page(Filter(), "nonsense")


def test_one_offer_under_two_datasets_is_an_error(description):
    twice = [shelved(about(description, n), (OFFER,), SERVICE) for n in (1, 2)]
    with pytest.raises(OfferError, match="exactly one dataset"):
        Shelf(twice)


def test_an_entry_is_found_by_its_id(description):
    shelf = Shelf([on_shelf(description, 7)])
    assert json.loads(shelf.get("urn:uuid:007").text.root(Expected()))["@id"] == "urn:uuid:007"
    assert shelf.get("urn:uuid:008") is None
