"""Chapter 2: the hospital imports, the vendor registers its wearers, both publish datasets, a study is asked for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from connector.demo.offices import DEVICE_SOURCE, wearer_number
from connector.demo.stage import Stage, full_name, now
from policy.categories import CATEGORIES, OTHER
from policy.purposes import DPV, EHDS

RESEARCH_PURPOSE = f"{EHDS}HealthcareScientificResearch"
PURPOSES = [RESEARCH_PURPOSE, f"{DPV}AcademicResearch"]
RECORDS, HEART, STREAM = "Hospital records", "Heart and laboratory results", "Heart rate, steps and sleep, live"
HEART_CATEGORIES = ["conditions", "medications", "laboratory", "vital-signs"]
DEVICE_CATEGORIES = ["heart-rate", "steps", "sleep"]
RECORD_CATEGORIES = [one.key for one in CATEGORIES.values() if one.source == "record" and one.key != OTHER]

_WORDS = {
    "why": "Illness changes daily life long before a doctor sees it. We compare hospital records with wearables.",
    "who_sees": "Six people of our study group. They see codes, never names.",
    "stored_where": "On our own computers in Northgate. They are locked and nobody outside the group has access.",
    "if_you_say_no": "Nothing changes. Your care stays the same, and nobody is told.",
    "risks": "Somebody who knows you very well might recognise you in rare details, although names are removed.",
    "money": "Nobody earns money with this study. It is paid for by public research funds.",
}


async def play(stage: Stage) -> None:
    """Everything until the study request stands in the wallet."""
    stage.narrator.chapter("Data is imported, datasets are offered, a study is asked for")
    await _hospital(stage)
    await _vendor(stage)
    await _study(stage)


async def _hospital(stage: Stage) -> None:
    with stage.narrator.working("The hospital imports its records"):
        imported = await stage.hospital.import_bundles(stage.bundles)
    stage.found.source = imported["source"]
    patients = await stage.hospital.patients()
    stage.report.patients = len(patients)
    stage.keep_only({one["number"] for one in patients})
    stage.narrator.done(
        f"{stage.hospital.name} keeps records of {len(patients)} patients", f"{imported['records']:,} resources"
    )
    for line in imported["refused"]:
        stage.narrator.remark(f"refused: {line}")
    stage.found.records = await stage.hospital.publish(
        _draft(stage, RECORDS, "Everything the hospital's system holds about a stay.", RECORD_CATEGORIES)
    )
    stage.found.heart = await stage.hospital.publish(
        _draft(stage, HEART, "Illnesses, medicines, laboratory results and measurements.", HEART_CATEGORIES)
    )
    stage.narrator.done("Its steward offers two datasets: research only, for a time, pseudonymised, person by person")


async def _vendor(stage: Stage) -> None:
    for part in stage.cast.wearers:
        number = wearer_number(part.person.id)
        stage.found.devices[part.person.id] = await stage.vendor.register_wearer(number, full_name(part))
    if not stage.found.devices:
        return
    draft = _draft(stage, STREAM, "Measurements of the Lumen band, live.", DEVICE_CATEGORIES)
    stage.found.stream = await stage.vendor.publish(
        draft | {"kind": "stream", "source": await stage.vendor.source(DEVICE_SOURCE)}
    )
    stage.narrator.done(f"{stage.vendor.name} has {len(stage.found.devices)} of these people, and offers a live stream")


def _draft(stage: Stage, title: str, description: str, categories: list[str]) -> dict[str, object]:
    return {
        "title": title, "description": description, "keywords": ["synthetic", "demonstration"],
        "categories": categories, "source": stage.found.source, "kind": "records", "purposes": PURPOSES,
        "until": (now() + timedelta(days=730)).date().isoformat(),
    }  # fmt: skip


async def _study(stage: Stage) -> None:
    asked: list[tuple[str, str, list[str] | None]] = [(stage.hospital.id, stage.found.records, RECORD_CATEGORIES)]
    if stage.found.stream:
        asked.append((stage.vendor.id, stage.found.stream, DEVICE_CATEGORIES))
    stage.found.study = await stage.research.publish_study(_study_draft(stage, asked))
    stage.narrator.done(f"{stage.research.name} asks: {stage.study_title}")
    holders = [stage.hospital, stage.vendor] if stage.found.stream else [stage.hospital]
    await asyncio.gather(*(holder.approve_study(stage.found.study) for holder in holders))
    await stage.wallet.study_is_shown(stage.found.study, len(holders))
    stage.narrator.done("The stewards approve it; the wallet shows it")


def _study_draft(stage: Stage, asked: list[tuple[str, str, list[str] | None]]) -> dict[str, object]:
    today = now()
    return {
        "title": stage.study_title,
        "summary": "We want to learn how illness shows in daily life. We compare hospital records with wearables.",
        "words": _WORDS, "purposes": [RESEARCH_PURPOSE], "data": asked,
        "answer_until": today + timedelta(days=90), "valid_until": today + timedelta(days=365),
        "contact_name": "Dr Noor Haddad", "contact_email": "heart-study@northgate.example",
        "window_start": None, "window_end": None,
    }  # fmt: skip
