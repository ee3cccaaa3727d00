"""What each code of DUO means, read from its definition: a rule beside the policies, three-valued.

True: the proposal meets it (of a ban: it does what is banned). False: it does not. None: nobody has stated enough.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from policy.closure import above
from policy.duo import terms as t
from policy.duo.placeholders import Placeholders
from policy.duo.proposal import Proposal
from policy.odrl.evaluating.truth import Truth, all_of, any_of
from policy.purposes import DUODRL, apart, covers, purpose

Test: TypeAlias = Callable[[Placeholders, Proposal], Truth]


class Sort(StrEnum):
    """What a code does: permit a use, limit every use that is permitted, or ban something whatever is permitted."""

    GRANT = "grant"
    LIMIT = "limit"
    BAN = "ban"


class Meaning(NamedTuple):
    """One code's rule; `purpose` is the one it turns on, `fact` says in words what else it needs to know."""

    sort: Sort
    test: Test
    purpose: str = ""
    fact: str = ""


# --- purposes ---------------------------------------------------------------------------------------------------------


def within(wide: str, proposal: Proposal) -> Truth:
    """Whether every purpose lies within one: some that do beside some that are not known to leaves it unknown."""
    answers = [_covered(wide, one, proposal) for one in proposal.purposes]
    if True in answers:
        return True if answers.count(True) == len(answers) else None
    return False if False in answers else None


def touched(banned: str, proposal: Proposal) -> Truth:
    """Whether a purpose reaches into a banned one. That it does not must be stated, by a definition or who asks."""
    answers = [_reaches(banned, one, proposal) for one in proposal.purposes]
    return any_of(answers) if answers else None


def _covered(wide: str, asked: str, proposal: Proposal) -> Truth:
    found = covers(wide, asked)
    return False if found is None and _excluded(wide, asked, proposal) else found


def _reaches(banned: str, asked: str, proposal: Proposal) -> Truth:
    if covers(banned, asked) is True:
        return True
    return False if covers(banned, asked) is None and _excluded(banned, asked, proposal) else None


def _excluded(wide: str, asked: str, proposal: Proposal) -> bool:
    return purpose(asked) is not None and (
        apart(wide, asked) or any(covers(stated, wide) is True for stated in proposal.not_for)
    )


# --- everything else --------------------------------------------------------------------------------------------------


def _disease(places: Placeholders, proposal: Proposal) -> Truth:
    return all_of([within(t.DS, proposal), _kinds(places.text("DS", "disease"), proposal.diseases, proposal)])


def _kinds(wanted: str, stated: Iterable[str], proposal: Proposal) -> Truth:
    answers = [True if one == wanted or wanted in above(proposal.broader, one) else None for one in stated]
    return all_of(answers) if answers else None


def _population(places: Placeholders, proposal: Proposal) -> Truth:
    stated = (proposal.population,) if proposal.population else ()
    return all_of(
        [_for("PopulationGroupResearch")(places, proposal), _kinds(places.text("", "population"), stated, proposal)]
    )


def _region(places: Placeholders, proposal: Proposal) -> Truth:
    wanted, listed = places.text("GS", "region"), frozenset().union(*proposal.within.values())
    answers = [
        True if one == wanted or wanted in above(proposal.within, one) else False if wanted in listed else None
        for one in proposal.places
    ]
    if not answers or len(set(answers)) > 1:
        return None
    return answers[0]


def _same(placeholder: str, fact: str) -> Test:
    def test(places: Placeholders, proposal: Proposal) -> Truth:
        stated = getattr(proposal, fact)
        return None if stated is None else bool(stated == places.text(fact, placeholder))

    return test


def _category(name: str, fact: str) -> Test:
    same = _same(fact, fact)
    return lambda places, proposal: all_of([_for(name)(places, proposal), same(places, proposal)])


def _for(name: str) -> Test:
    iri = f"{DUODRL}{name}"
    return lambda _, proposal: within(iri, proposal)


def _research(places: Placeholders, proposal: Proposal) -> Truth:
    return within(places.text("RS", "research"), proposal)


def _non_profit(_: Placeholders, proposal: Proposal) -> Truth:
    return None if proposal.recipient_kind is None else proposal.recipient_kind == t.NON_PROFIT


def _non_commercial(_: Placeholders, proposal: Proposal) -> Truth:
    stated = proposal.commercial_use()
    return None if stated is None else stated == t.NOT_COMMERCIAL


def _in_time(places: Placeholders, proposal: Proposal) -> Truth:
    return None if proposal.now is None else proposal.now <= places.instant("TS", "until")


def _too_early(places: Placeholders, proposal: Proposal) -> Truth:
    if not proposal.publishing:
        return False
    return None if proposal.now is None else proposal.now < places.instant("MOR", "publish_from")


def _done(name: str) -> Test:
    return lambda _, proposal: name in proposal.done


def _grant(test: Test, iri: str = "", fact: str = "") -> Meaning:
    return Meaning(Sort.GRANT, test, iri, fact)


def _limit(test: Test, fact: str, iri: str = "") -> Meaning:
    return Meaning(Sort.LIMIT, test, iri, fact)


def _ban(test: Test, iri: str = "", fact: str = "") -> Meaning:
    return Meaning(Sort.BAN, test, iri, fact)


_WHICH_DISEASE = "that the disease is a kind of the one named"

MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "NRES": _grant(lambda _, __: True),
        "GRU": _grant(_for("GRU"), t.GRU),
        "HMB": _grant(_for("HMB"), t.HMB),
        "DS": _grant(_disease, t.DS, _WHICH_DISEASE),
        "POA": _grant(_for("POA"), t.POA),
        "CC": _grant(_for("CC"), t.CC),
        "RS": _limit(_research, "what kind of research this is"),
        "GSO": _limit(_for("GSG"), "that genotypes are studied", t.GSG),
        "NMDS": _ban(lambda _, proposal: touched(t.MDS, proposal), t.MDS, "that no methods are developed"),
        "NPOA": _ban(lambda _, proposal: touched(t.POA, proposal), t.POA, "that no origins are studied"),
        "MOR": _ban(_too_early, fact="when results are published"),
        "NPU": _limit(_non_profit, "whether the recipient works for profit"),
        "NCU": _limit(_non_commercial, "whether the use is commercial", t.NCU),
        "NPUNCU": _limit(
            lambda places, proposal: all_of([_non_profit(places, proposal), _non_commercial(places, proposal)]),
            "whether the recipient and the use are for profit",
        ),
        "IRB": _limit(_done("IRB"), "whether there is an ethics approval"),
        "PUB": _limit(_done("PUB"), "whether results will be published"),
        "COL": _limit(_done("COL"), "whether they will work together"),
        "RTN": _limit(_done("RTN"), "whether data will be returned"),
        "GS": _limit(_region, "where the data is used"),
        "TS": _limit(_in_time, "when the data is used"),
        "US": _limit(_same("user", "user"), "who uses the data"),
        "IS": _limit(_same("institution", "institution"), "which institution uses the data"),
        "PS": _limit(_same("project", "project"), "for which project the data is used"),
        "DUO_0000031": _grant(_for("MDS"), t.MDS),
        "DUO_0000032": _grant(_population, f"{DUODRL}PopulationGroupResearch", "which population is studied"),
        "DUO_0000033": _grant(_for("AncestoryResearch"), f"{DUODRL}AncestoryResearch"),
        "DUO_0000034": _grant(_category("AgeCategoryResearch", "age"), f"{DUODRL}AgeCategoryResearch", "which ages"),
        "DUO_0000035": _grant(
            _category("GenderCategoryResearch", "gender"), f"{DUODRL}GenderCategoryResearch", "which genders"
        ),
        "DUO_0000036": _grant(_for("ResearchControl"), f"{DUODRL}ResearchControl"),
        "DUO_0000037": _grant(_for("HMB"), t.HMB),
        "DUO_0000038": _grant(_for("GS"), t.GS),
        "DUO_0000039": _grant(_for("DrugDevelopment"), f"{DUODRL}DrugDevelopment"),
        "DUO_0000040": _grant(_disease, t.DS, _WHICH_DISEASE),
    }
)
