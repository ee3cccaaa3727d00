"""A courier for a test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.connector.jobs.post_office import Office


@pytest.fixture
async def office(tmp_path, monkeypatch):
    monkeypatch.setattr("connector.jobs.courier.retry_after", lambda attempts, _jitter: timedelta(milliseconds=10))
    monkeypatch.setattr("connector.services.patience._STEPS", {404: (0.01,) * 7, 409: (0.01,) * 3})
    monkeypatch.setattr("connector.services.patience.retry_after", lambda attempts, _jitter: timedelta(milliseconds=10))
    opened = Office(tmp_path)
    yield opened
    await opened.close()
