"""Consent records and receipts as ISO/IEC TS 27560:2023 describes them, in terms of the Data Privacy Vocabulary.

`record_27560` writes one version of a consent with what only its surroundings know, `read_27560` takes it back; both
together lose nothing. `receipt_27560` puts a record into a receipt. `faults` checks a document against our own JSON
Schema (draft 2020-12), which `schema` returns. Term by term this follows the W3C community report "Consent Records and
Receipts as per ISO/IEC TS 27560:2023 using DPV"; what neither has a word for stands under `concord:`.
"""

from policy.records27560.reading import RecordError, read_27560
from policy.records27560.receipt import Anchor, Contract, Delivered, Issue, receipt_27560
from policy.records27560.schema import faults, schema
from policy.records27560.surroundings import (
    AskedData,
    Control,
    Earlier,
    Notice,
    Party,
    PartyRole,
    Right,
    Storage,
    Surroundings,
    SurroundingsError,
)
from policy.records27560.writing import record_27560

__all__ = [
    "Anchor",
    "AskedData",
    "Contract",
    "Control",
    "Delivered",
    "Earlier",
    "Issue",
    "Notice",
    "Party",
    "PartyRole",
    "RecordError",
    "Right",
    "Storage",
    "Surroundings",
    "SurroundingsError",
    "faults",
    "read_27560",
    "receipt_27560",
    "record_27560",
    "schema",
]
