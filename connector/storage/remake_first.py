"""Writes versions/0001_first.py anew from the tables; only until the first release freezes it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

if __name__ == "__main__":
    here = Path(__file__).with_name("migrations")
    for old in (here / "versions").glob("*.py"):
        old.unlink()
    config = Config()
    config.set_main_option("script_location", str(here))
    with create_engine("sqlite://").connect() as connection:
        config.attributes["connection"] = connection
        command.revision(config, message="First tables", autogenerate=True, rev_id="0001")
    made = next((here / "versions").glob("0001*.py"))
    text = made.read_text().replace("connector.storage.tables.Instant(length=27)", "sa.String(length=27)")
    text = text.replace("sa.JSON(none_as_null=True)", "sa.JSON()")  # what Python makes of None, not the column
    made.write_text(text)
