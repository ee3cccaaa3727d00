"""Who plays which part is decided from any patients, always the same way, and never for a child or the dead."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from connector.demo.people import PARENT, WEARABLES, Answer, Cast, Person, cast_of
from policy.categories import CATEGORIES

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def adults(n: int) -> list[Person]:
    return [Person(f"p{i:03}", "Given", "Family", "1970-05-01", False) for i in range(n)]


def answers(cast: Cast) -> list[Answer]:
    return [part.answer for part in cast.parts]


people = st.lists(
    st.builds(
        Person,
        st.text(min_size=1, max_size=3),
        st.just("A"),
        st.just("B"),
        st.sampled_from(
            [None, "", "1950", "2015-06", "2008-11-22", "2008-11-23", "2008-11", "1980-02-29", "3000", "x"]
        ),
        st.booleans(),
    ),
    max_size=40,
)


@given(people, st.randoms())
def test_the_order_of_the_bundles_changes_nothing(some, random):
    some = list({person.id: person for person in some}.values())
    shuffled = random.sample(some, len(some))
    assert cast_of(some, NOW) == cast_of(shuffled, NOW)


@given(people)
def test_only_living_adults_answer_for_themselves(some):
    for part in cast_of(some, NOW).parts:
        if part.person.deceased or part.person.birth_date not in {"1950", "2008-11-22", "1980-02-29"}:
            assert not part.adult
            assert part.answer is Answer.SILENT or part.proxy == PARENT
            assert not part.wearable
        else:
            assert part.proxy is None


@given(people)
def test_everybody_has_one_part_and_one_at_most_withdraws(some):
    cast = cast_of(some, NOW)
    assert sorted(part.person.id for part in cast.parts) == sorted({person.id for person in some})
    assert sum(part.withdraws for part in cast.parts) == (1 if any(part.adult for part in cast.parts) else 0)
    if cast.withdrawing:
        assert cast.withdrawing.answer is Answer.YES
        assert cast.withdrawing.wearable


@given(people)
def test_one_child_at_most_has_a_recorded_proxy_and_it_refuses(some):
    by_proxy = [part for part in cast_of(some, NOW).parts if part.proxy]
    assert [part.answer for part in by_proxy] in ([], [Answer.NO])
    assert all(part.person.birth_date in {"2015-06", "2008-11-23"} and not part.person.deceased for part in by_proxy)


def test_with_eighteen_adults_eleven_say_yes_two_in_part_two_no_and_three_nothing():
    cast = cast_of(adults(18), NOW)
    assert {answer: answers(cast).count(answer) for answer in Answer} == {
        Answer.YES: 11,
        Answer.SOME_CATEGORIES: 1,
        Answer.SOME_TIME: 1,
        Answer.NO: 2,
        Answer.SILENT: 3,
    }
    assert len(cast.consenting) == 13
    assert len(cast.wearers) == WEARABLES == 8


@given(st.integers(10, 300))
def test_from_ten_adults_on_at_least_ten_say_yes(n):
    cast = cast_of(adults(n), NOW)
    assert answers(cast).count(Answer.YES) >= 10
    assert len(cast.wearers) == 8
    assert all(part.answer is Answer.YES for part in cast.wearers)
    if n >= 18:
        assert set(answers(cast)) == set(Answer)


def test_few_adults_all_say_yes_but_the_last():
    assert answers(cast_of(adults(4), NOW)) == [Answer.YES] * 3 + [Answer.NO]
    assert answers(cast_of(adults(1), NOW)) == [Answer.YES]
    assert cast_of([], NOW).withdrawing is None


def test_a_partial_yes_says_what_it_covers():
    parts = {part.answer: part for part in cast_of(adults(18), NOW).parts}
    assert set(parts[Answer.SOME_CATEGORIES].categories) < set(CATEGORIES)
    assert parts[Answer.SOME_CATEGORIES].window_start is None
    assert parts[Answer.SOME_TIME].window_start == date(2016, 11, 22)
    assert parts[Answer.SOME_TIME].categories is None
    assert parts[Answer.YES].categories is None


def test_a_leap_day_child_is_grown_up_on_the_first_of_march():
    child = Person("p", "A", "B", "2008-02-29", False)
    assert not cast_of([child], datetime(2026, 2, 28, tzinfo=UTC)).parts[0].adult
    assert cast_of([child], datetime(2026, 3, 1, tzinfo=UTC)).parts[0].adult


def test_of_two_entries_with_one_id_the_first_counts():
    dead = Person("p", "A", "B", "1970", True)
    assert [part.adult for part in cast_of([dead, dead._replace(deceased=False)], NOW).parts] == [False]
