from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from consent_ui.forms import Form, filled, parsed


def test_fields_come_back_as_typed_and_in_order():
    form = parsed(b"a=1&b=two+words&a=%C3%A9")
    assert form.every("a") == ["1", "é"]
    assert form.hidden("b") == [("a", "1"), ("a", "é")]
    assert form.text("missing") == ""


@pytest.mark.parametrize("body", [b"\xff", b"a=%ff", b"&".join([b"a=1"] * 2001)])
def test_a_form_that_cannot_be_read_is_refused(body):
    with pytest.raises(HTTPException) as refused:
        parsed(body)
    assert refused.value.status_code == 400


@given(st.text())
def test_control_characters_never_reach_a_service(text):
    cleaned = filled({"a": text}).text("a")
    assert all(ord(sign) >= 32 or sign in "\t\n" for sign in cleaned)
    assert cleaned == cleaned.strip()


def test_a_required_field_says_what_to_do_and_keeps_a_too_long_text():
    form = filled({"long": "x" * 11})
    assert form.required("empty", "Write something") == ""
    assert len(form.required("long", "Write something", 10)) == 11
    assert form.errors == {"empty": "Write something", "long": "Use at most 10 characters here; this has 11"}


@pytest.mark.parametrize(
    ("parts", "read"),
    [
        (("21", "11", "2026"), date(2026, 11, 21)),
        ((" 1 ", "2", "2024"), date(2024, 2, 1)),
        (("29", "2", "2024"), date(2024, 2, 29)),
    ],
)
def test_a_real_date_is_read(parts, read):
    form = Form({f"on-{name}": [part] for name, part in zip(("day", "month", "year"), parts, strict=True)})
    assert form.day("on", "Say when") == read
    assert form.errors == {}


@pytest.mark.parametrize(
    "parts", [("31", "2", "2026"), ("29", "2", "2026"), ("1", "13", "2026"), ("x", "1", "2026"), ("1", "1", "26"),
              ("1", "1", ""), ("1", "1", "99999")]
)  # fmt: skip
def test_a_date_that_does_not_exist_is_an_error_on_its_field(parts):
    form = Form({f"on-{name}": [part] for name, part in zip(("day", "month", "year"), parts, strict=True)})
    assert form.day("on", "Say when") is None
    assert "real date" in form.errors["on"]


def test_an_empty_date_is_an_error_only_when_it_is_needed():
    form = Form()
    assert form.day("a", "Say when", needed=False) is None
    assert form.errors == {}
    assert form.day("b", "Say when") is None
    assert form.errors == {"b": "Say when"}


def test_only_an_offered_value_can_be_chosen():
    form = filled({"a": "x", "b": "y"})
    assert form.chosen("a", ("x", "z"), "Choose") == "x"
    assert form.chosen("b", ("x", "z"), "Choose") == ""
    assert form.errors == {"b": "Choose"}
