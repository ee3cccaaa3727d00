"""All rooms of the management API under one address."""

from __future__ import annotations

from fastapi import APIRouter

from connector.api.management import arriving, consuming, evidence, membership, people, providing, witnessing
from connector.api.management.door import DOCUMENTED

router = APIRouter(prefix="/api", dependencies=DOCUMENTED)
for room in (membership, arriving, providing, consuming, people, evidence, witnessing):
    router.include_router(room.router)
