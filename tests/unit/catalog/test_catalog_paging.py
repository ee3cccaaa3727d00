"""Pages neither repeat nor skip a dataset, and a token or filter that is not ours is refused."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.paging import CatalogRefusal, Filter, Position, page_of, read_filter, read_token, write_token

START = datetime(2026, 1, 1, tzinfo=UTC)


def some(description, issued):
    return [
        description.model_copy(update={"id": f"urn:uuid:{n}", "issued": START + timedelta(days=day)})
        for n, day in enumerate(issued)
    ]


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_walking_forwards_and_back_meets_every_dataset_once(description, issued, size):
    datasets = some(description, issued)
    pages = [page_of(datasets, size=size)]
    while pages[-1].next:
        pages.append(page_of(reversed(datasets), pages[-1].next, size))
    met = [about for page in pages for about in page.entries]
    assert met == sorted(datasets, key=lambda about: (about.issued, about.id))
    back = [pages[-1]]
    while back[-1].previous:
        back.append(page_of(datasets, back[-1].previous, size))
    assert {about.id for page in back for about in page.entries} == {about.id for about in datasets}
    assert pages[0].previous is None


def test_a_dataset_published_in_between_shifts_nothing(description):
    datasets = some(description, [1, 2, 3, 4])
    first = page_of(datasets, size=2)
    earlier = description.model_copy(update={"id": "urn:uuid:new", "issued": START})
    assert [about.id for about in page_of([earlier, *datasets], first.next, 2).entries] == ["urn:uuid:2", "urn:uuid:3"]


def test_the_link_header_names_the_neighbours(description):
    page = page_of(
        some(description, [1, 2, 3]), write_token(Position(START + timedelta(days=1), "urn:uuid:0", False)), 1
    )
    links = page.links("https://h.example/dsp/2025-1/catalog/request")
    assert links is not None
    assert links.count("continuationToken=") == 2
    assert 'rel="next"' in links
    assert 'rel="previous"' in links
    assert page_of(some(description, [1])).links("https://h.example") is None


@given(st.datetimes(timezones=st.just(UTC)), st.text(min_size=1, max_size=500), st.booleans())
def test_a_token_is_read_back(issued, identifier, back):
    position = Position(issued, identifier, back)
    assert read_token(write_token(position)) == position


def forged(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "!",
        "a",
        "x" * 9000,
        write_token(Position(START, "urn:uuid:1", False)) + "=",
        forged(2, ">", "2026-01-01T00:00:00Z", "urn:uuid:1"),
        forged(1, "?", "2026-01-01T00:00:00Z", "urn:uuid:1"),
        forged(1, ">", "yesterday", "urn:uuid:1"),
        forged(1, ">", "2026-01-01T00:00:00Z", 1),
        forged(1, ">", "2026-01-01T00:00:00Z"),
        forged([1]),
        urlsafe_b64encode(b"[" * 3000).decode(),
    ],
)
def test_a_token_that_is_not_ours_is_refused(token):
    with pytest.raises(CatalogRefusal, match="accepted: a link we gave"):
        read_token(token)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_token(text):
    with pytest.raises(CatalogRefusal):
        read_token(text)


def test_no_filter_and_an_empty_filter_keep_everything(description):
    assert read_filter(None) == read_filter([]) == Filter()
    assert Filter().keeps(description)


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([{"text": "DIABETES records"}], True),
        ([{"text": "diabetes asthma"}], False),
        ([{"category": "laboratory"}], True),
        ([{"category": "heart-rate"}], False),
        ([{"category": "heart-rate"}, {"category": "laboratory"}], True),
        ([{"category": "laboratory"}, {"text": "asthma"}], False),
    ],
)
def test_a_filter_keeps_by_words_and_category(description, entries, kept):
    assert read_filter(entries).keeps(description) is kept


@pytest.mark.parametrize(
    "value",
    [{}, "text", 3, [{}], [{"text": 1}], [{"sparql": "SELECT"}], [{"text": "a", "category": "steps"}],
     [{"category": "x"}], [{"text": "x" * 201}], [{"text": "a"}] * 21, [None]],
)  # fmt: skip
def test_a_filter_we_do_not_support_is_refused_with_what_is(value):
    with pytest.raises(CatalogRefusal, match="accepted") as refusal:
        read_filter(value)
    assert refusal.value.code == "filter-not-supported"
