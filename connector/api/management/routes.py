"""All rooms of the management API under one address."""

from __future__ import annotations

from fastapi import APIRouter

from connector.api.management import (
    answering,
    arriving,
    assessing,
    consuming,
    contracts,
    deidentifying,
    deriving,
    desk,
    duties,
    emergencies,
    evidence,
    keys,
    matching,
    membership,
    opting,
    people,
    profiles,
    providing,
    quarantine,
    questioning,
    relating,
    rights,
    tracing,
    transferring,
    why,
    withdrawing,
    witnessing,
)
from connector.api.management.door import DOCUMENTED

router = APIRouter(prefix="/api", dependencies=DOCUMENTED)
# First answering: `/negotiations/waiting` and `/members/{id}/accept` would else be read as an id and an act.
for room in (
    answering,
    membership,
    arriving,
    providing,
    profiles,
    quarantine,
    assessing,
    consuming,
    contracts,
    deidentifying,
    deriving,
    questioning,
    duties,
    transferring,
    relating,
    rights,
    opting,
    desk,
    emergencies,
    tracing,
    matching,
    keys,
    withdrawing,
    people,
    evidence,
    witnessing,
    why,
):
    router.include_router(room.router)
