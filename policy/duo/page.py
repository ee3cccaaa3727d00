"""Prints `docs/duo.md` from the codes and their meanings: `python -m policy.duo.page > docs/duo.md`."""

import sys
from collections.abc import Mapping

from policy.duo.codes import Code
from policy.duo.keeping import NOT_KEPT
from policy.duo.matching import meaning
from policy.duo.meanings import Sort
from policy.duo.proposal import Proposal
from policy.duo.table import BY_FACT, BY_PURPOSE, asked, said, varying

_INTRODUCTION = """\
# Data use codes

Generated from `policy/duo` by `python -m policy.duo.page`; do not edit.

GA4GH DUO says with a few codes what a data set may be used for. Concord reads each code as a rule
(`policy.duo.matches`) and as an ODRL policy (`policy.duo.template`); the published ODRL rendering, DUODRL, is read too.
All three give the answers below, which a test asks of each of them.

A *grant* permits a use, a *limit* holds for every use that is granted, a *ban* forbids one whatever is granted. Data
with several codes may be used if no ban is touched, every limit is met and one grant is. Limits without a grant permit
any use within them.

Every answer is `yes`, `no` or `?`: nobody has stated enough, which permits nothing. A ban answers `no` where it forbids
and `-` where it is known not to; by itself it permits nothing. That a study does not do what is banned has to be stated
by whoever does it: no vocabulary says that medical research develops no methods.
"""

_NOT_PUBLISHED = """\
## Which codes an offer can take

`concord publish --duo CODE` narrows the standard offer; a value follows a colon: `GS:EU`, `IS:urn:concord:...`,
`MOR:2027-06-30`, `RS:dpv:AcademicResearch`, and `TS:2027-06-30` (a day, not a number of months; without one the end of
the offer). Codes of what somebody asks to do (DUO_0000031 to DUO_0000040) narrow nothing. What is offered has to be
kept, so these are read and matched, but refused in an offer:"""

_OF_PURPOSES = "Every other fact is as the codes ask. A code that is not here says yes to every purpose."

_OF_FACTS = "The purpose is non-commercial research. A code that is not here does not look at these facts."

_READING = """\
## How the published rendering is read

DUODRL uses words that ODRL does not have. Where a policy is read as DUODRL, and nowhere else, they mean:

| as published | understood as |
|---|---|
| `:isNotA` X | not `isA` X, and unknown where that is unknown |
| `spatial lteq` or `gt` a place | lies within it, or does not |
| `:Project`, `:Age`, `:Gender` `isA` | `eq`: each names one thing |
| a party restricted to (`obo:DUO_0000010`) somebody | the user, the institution or its kind is |
| `:TemplateTimeLimit` | the last instant of use |
| a duty's `event lt policyUsage` | nothing more: what a permission owes is owed before it is used |
| `:TemplateDataset` and the like | the value given for it |

DUODRL states its relations between purposes the wrong way round (research would lie within research into one disease).
They are read in the direction that is meant; clinical care gets no place among research at all.

Three limits say the same with other terms, so that they can stand in one policy beside a purpose: ethics approval is
the steward's approval of the study, non-commercial use and non-profit recipients are terms of their own (which can be
evaluated, but not published here).
"""


def page() -> str:
    """The whole of `docs/duo.md`."""
    return "\n".join(
        [
            _INTRODUCTION,
            _listed(),
            _published(),
            _table("By purpose", _OF_PURPOSES, BY_PURPOSE),
            _table("By fact", _OF_FACTS, BY_FACT),
            _READING.rstrip("\n"),
            "",
        ]
    )


def _listed() -> str:
    rows = "".join(f"| {one.id} | {one.name} | {meaning(one).sort} | {one.definition} |\n" for one in asked())
    return f"## The codes\n\n| code | name | what it does | definition |\n|---|---|---|---|\n{rows}"


def _published() -> str:
    rows = "".join(f"| {one.name} | {NOT_KEPT[one.name]} |\n" for one in asked() if one.name in NOT_KEPT)
    return f"{_NOT_PUBLISHED}\n\n| code | why not |\n|---|---|\n{rows}"


def _table(title: str, note: str, proposals: Mapping[str, Proposal]) -> str:
    head = " | ".join(proposals)
    rows = "".join(_row(one, proposals) for one in varying(proposals))
    return f"## {title}\n\n{note}\n\n| code | {head} |\n|{'---|' * (len(proposals) + 1)}\n{rows}"


def _row(one: Code, proposals: Mapping[str, Proposal]) -> str:
    answers = " | ".join(said(one, proposal) for proposal in proposals.values())
    return f"| {one.name}{_sign(one)} | {answers} |\n"


def _sign(one: Code) -> str:
    return " (ban)" if meaning(one).sort is Sort.BAN else ""


if __name__ == "__main__":
    sys.stdout.write(page())
