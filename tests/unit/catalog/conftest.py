"""A description as a steward would write it."""

import pytest

from catalog.description import DatasetDescription, read_description


@pytest.fixture
def written() -> dict[str, object]:
    return {
        "id": "urn:uuid:0b2f6d9e-3c41-4c43-9a0e-5b1f8f6f3a01",
        "title": "Records of routine care",
        "description": "Illnesses, medicines and laboratory results of people treated here since 2010.",
        "keywords": ["routine care", "diabetes"],
        "categories": ["conditions", "medications", "laboratory"],
        "publisher_name": "St. Elisabeth Hospital",
        "contact": {"name": "Data office", "email": "data@hospital.example", "page": "https://hospital.example/data"},
        "access_body": {"name": "Health Data Agency", "email": "hda@agency.example"},
        "spatial": ["BEL"],
        "period_start": "2010-01-01",
        "period_end": "2025-12-31",
        "languages": ["en", "nl"],
        "licence": "https://hospital.example/terms",
        "provenance": "Exported from the hospital's patient record system every night.",
        "kind": "records",
        "source": "ehr",
        "issued": "2026-01-05T09:00:00Z",
        "modified": "2026-02-01T10:30:00+01:00",
        "version": "1.0",
        "health_category": "EHRS",
        "number_of_people": 20,
    }


@pytest.fixture
def description(written: dict[str, object]) -> DatasetDescription:
    return read_description(written)
