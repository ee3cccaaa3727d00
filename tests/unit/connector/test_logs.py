"""Logs say what happened and where, and never what somebody sent."""

import json
import logging
import os
import time
import warnings

import pytest

from connector import logs

SECRET = "Elisabeth Testperson 1970-01-01"


@pytest.fixture
def lines(tmp_path):
    root, kept = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    logs.configure("info", tmp_path / "x.log")

    def read() -> list[dict]:
        return [json.loads(line) for line in (tmp_path / "x.log").read_text().splitlines()]

    yield read
    logging.captureWarnings(capture=False)
    for handler in root.handlers[:]:
        handler.close()
        root.removeHandler(handler)
    for handler in kept:
        root.addHandler(handler)
    root.setLevel(level)


def test_every_record_is_one_json_object_with_its_extras(lines):
    logging.getLogger("concord.app").info("ready\nnow", extra={"participant": "urn:x"})
    (line,) = lines()
    assert line["what"] == "ready\nnow"
    assert line["participant"] == "urn:x"
    assert line["at"].endswith("Z")


def test_an_exception_is_logged_by_type_and_place_only(lines):
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("concord.api").exception("it failed")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert line["trace"][0].startswith("test_logs.py:")
    assert SECRET not in json.dumps(line)


def test_values_in_a_librarys_record_are_left_out(lines):
    logging.getLogger("somelib.http").error("bad request from %s", SECRET, extra={"body": SECRET})
    logging.getLogger("uvicorn.error").error(f"Traceback (most recent call last):\n  ValueError: {SECRET}")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, UserWarning, stacklevel=1)
    assert SECRET not in json.dumps(lines())
    assert [line["what"] for line in lines()][:1] == ["bad request from %s"]


def test_libraries_are_heard_from_warnings_on_and_we_from_the_level_set(lines):
    logging.getLogger("uvicorn.access").info("GET /me?name=x")
    logging.getLogger("concord.app").debug("detail")
    logging.getLogger("concord.app").info("fact")
    assert [line["what"] for line in lines()] == ["fact"]


def test_a_new_log_file_is_begun_each_day_and_old_ones_go(lines, tmp_path):
    file = tmp_path / "days.log"
    file.write_text("{}\n")
    for day in range(1, 6):
        (tmp_path / f"days.log.2020-01-0{day}").write_text("{}\n")
    yesterday = time.time() - 86_400
    os.utime(file, (yesterday, yesterday))
    for handler in logging.getLogger().handlers:
        handler.close()
    logs.configure("info", file, keep_days=3)
    logging.getLogger("concord.app").info("the first of today")
    assert "the first of today" in file.read_text()
    assert "{}" not in file.read_text().splitlines()
    kept = sorted(one.name for one in tmp_path.glob("days.log.*"))
    assert len(kept) == 3
    assert kept[:2] == ["days.log.2020-01-04", "days.log.2020-01-05"]
