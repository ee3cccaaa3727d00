"""docs/consent-exchange.md shows the messages as `contracts` defines them: the table, and every example."""

import importlib
import importlib.util
import json
import re

import pytest

from contracts import exchange
from tests.house.tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "consent-exchange.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\*\*`(\w+)`\*\*[^\n]*\n\n```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (\w+) \| (\w+) \| `/consent(/[\w-]+)` \| `(\w+)` \| (\d+) `(\w+)` \|$", re.MULTILINE)


def model(name: str):
    if name != "ConsentRecord":
        return getattr(exchange, name)
    if importlib.util.find_spec("policy.consent") is None:
        pytest.skip("policy.consent is not built yet")
    return importlib.import_module("policy.consent").ConsentRecord


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_every_example_of_the_page_is_accepted_and_complete(name, text):
    example = json.loads(text)
    read = model(name).model_validate(example)
    # What later editions added is left out while it says nothing: what was signed before keeps its digest.
    written = read.to_json() if name == "ConsentRecord" else read.wire()
    assert written == example


def test_the_table_of_the_page_is_the_list_of_exchanges():
    defined = {
        (e.sender.value, e.receiver.value, e.path, e.body.__name__, str(e.status), e.answer.__name__)
        for e in exchange.EXCHANGES
    }
    assert set(ROW.findall(PAGE)) == defined


def test_every_message_with_content_has_an_example():
    messages = {model.__name__ for e in exchange.EXCHANGES for model in (e.body, e.answer)}
    messages |= {claims.__name__ for claims in exchange.CLAIMS} | {"ConsentRecord"}
    assert messages - {name for name, _ in EXAMPLES} == {"Done"}
