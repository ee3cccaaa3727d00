"""docs/operations.md lists every setting with its default, and no setting that does not exist."""

import re

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from connector.settings import Settings
from tests.house.tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Settings")[2].partition("\n## ")[0]
ROWS = {
    name: default.strip("` ")
    for names, default in re.findall(r"^\| (`[^|]+`) \| ([^|]*?) ?\|", TABLE, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", names)
}
WRITTEN = {PydanticUndefined: "", None: "none", "": "empty", True: "true", False: "false"}


def written(default: object) -> str:
    default = default.get_secret_value() if isinstance(default, SecretStr) else default
    named = [words for value, words in WRITTEN.items() if value is default or (value == default == "")]
    return named[0] if named else str(default)


def test_the_page_lists_every_setting_with_its_default():
    assert {name: written(field.default) for name, field in Settings.model_fields.items()} == ROWS
