"""The ids the kit and the fixture share: which dataset, offer or agreement each of the kit's tests speaks about.

All are ours to choose, except that the counter-offer of CN:01-02 always names `CD123:ACN0102:456`, and that where the
connector is the consumer the kit offers `offer` + dataset. A test's number is the number of its script.
"""

from __future__ import annotations

from collections.abc import Iterator

CONNECTOR, KIT = "CONNECTOR_UNDER_TEST", "TCK_PARTICIPANT"
FORMAT = "HttpData-PULL"
KNOWN, UNKNOWN = ("CAT0101", "CAT0102"), "CAT0103"

Groups = dict[str, int]
PROVIDER_NEGOTIATIONS: Groups = {"01": 4, "02": 7, "03": 4}
CONSUMER_NEGOTIATIONS: Groups = {"01": 4, "02": 6, "03": 6}
TRANSFERS: Groups = {"01": 5, "02": 5, "03": 6}


def numbers(groups: Groups) -> Iterator[str]:
    """`0101`, `0102`, ...: group and test."""
    return (f"{group}{test:02}" for group, tests in groups.items() for test in range(1, tests + 1))


PROVIDED = tuple(f"ACN{number}" for number in numbers(PROVIDER_NEGOTIATIONS))
WANTED = tuple(f"ACNC{number}" for number in numbers(CONSUMER_NEGOTIATIONS))
PROVIDER_AGREEMENTS = tuple(f"ATP{number}" for number in numbers(TRANSFERS))
CONSUMER_AGREEMENTS = tuple(f"ATPC{number}" for number in numbers(TRANSFERS))
DATASETS = (*PROVIDED, *KNOWN)
OWN_PROVIDER_AGREEMENT, OWN_CONSUMER_AGREEMENT = "ATP0901", "ATPC0901"
"""Agreements the kit does not know, for the suite of ours: a transfer that the connector suspends and leaves so."""


def more(number: int) -> Iterator[str]:
    """Further datasets, which stand behind the kit's own in the catalogue."""
    return (f"MORE{place:05}" for place in range(number))


def offer_id(dataset: str) -> str:
    """The offer of one of our datasets."""
    return f"CD123:{dataset}:456"


def properties() -> dict[str, str]:
    """What the kit's properties say about every test: `<TEST>_<FIELD>` and the id."""
    known = {f"CAT_01_0{place}_DATASETID": dataset for place, dataset in enumerate((*KNOWN, UNKNOWN), 1)}
    return known | dict(_negotiations()) | dict(_transfers())


def _negotiations() -> Iterator[tuple[str, str]]:
    for dataset in (*PROVIDED, *WANTED):
        name = _test(dataset, "ACNC", "CN_C") or _test(dataset, "ACN", "CN")
        yield f"{name}_DATASETID", dataset
        if dataset in PROVIDED:
            yield f"{name}_OFFERID", offer_id(dataset)


def _transfers() -> Iterator[tuple[str, str]]:
    for agreement in (*PROVIDER_AGREEMENTS, *CONSUMER_AGREEMENTS):
        name = _test(agreement, "ATPC", "TP_C") or _test(agreement, "ATP", "TP")
        yield f"{name}_AGREEMENTID", agreement
        yield f"{name}_FORMAT", FORMAT


def _test(id: str, prefix: str, name: str) -> str:
    """`ACN0102` as the kit names its test: `CN_01_02`."""
    number = id.removeprefix(prefix)
    return f"{name}_{number[:2]}_{number[2:]}" if number.isdecimal() else ""
