"""All rooms of the management API under one address."""

from __future__ import annotations

from fastapi import APIRouter

from connector.api.management import (
    answering,
    arriving,
    consuming,
    contracts,
    duties,
    evidence,
    membership,
    people,
    providing,
    transferring,
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
    consuming,
    contracts,
    duties,
    transferring,
    people,
    evidence,
    witnessing,
):
    router.include_router(room.router)
