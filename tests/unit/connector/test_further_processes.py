"""The directory of a further process: the first one's settings and vault, its own port, and no files of its own."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from connector.cli.program import run
from connector.founding import STORE_FILE, VAULT, found
from connector.problems import Problem
from connector.replicas import replicate, rewritten
from connector.settings import load
from tests import postgres


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """A participant whose settings name a database that nobody looks into here."""
    place = tmp_path / "hospital"
    found(place, "Hospital", "hospital", 8080)
    with (place / "concord.toml").open("a") as file:
        file.write('\ntls_certificate = "chain.pem"\ntls_key = "/etc/key.pem"\n')
        file.write('database_url = "postgresql://127.0.0.1/hospital"\n[oidc_roles]\nport = "steward"\n')
    text = (place / "concord.toml").read_text()
    (place / "concord.toml").write_text(f'oidc_issuer = "http://127.0.0.1:1/realm"\noidc_roles_claim = "roles"\n{text}')
    return place


def test_a_further_process_has_the_same_vault_and_settings_and_its_own_port(hospital, tmp_path):
    made = replicate(load(hospital), tmp_path / "second", 8090)
    first, second = load(hospital), load(tmp_path / "second")
    changed = {"directory", "port", "shared_folder", "tls_certificate", "tls_key"}
    assert first.model_dump(exclude=changed) == second.model_dump(exclude=changed)
    assert (second.port, second.files) == (8090, hospital) == (made.port, Path(made.shared_folder))
    assert (second.tls_certificate, second.tls_key) == (hospital / "chain.pem", Path("/etc/key.pem"))
    kept = {path.relative_to(hospital): path.read_bytes() for path in (hospital / VAULT).rglob("*") if path.is_file()}
    for name, content in kept.items():
        copy = tmp_path / "second" / name
        assert copy.read_bytes() == content
        assert not stat.S_IMODE(copy.stat().st_mode) & 0o077
    assert not (tmp_path / "second" / STORE_FILE).exists()


def test_without_a_port_it_takes_the_next_one_and_a_further_one_shares_the_same_files(hospital, tmp_path):
    assert replicate(load(hospital), tmp_path / "second", None).port == 8081
    third = replicate(load(tmp_path / "second"), tmp_path / "third", 8091)
    assert third.shared_folder == str(hospital)


@pytest.mark.parametrize(
    ("where", "status"), [("hospital/inside", 400), ("hospital", 400), ("taken", 409), ("file", 409)]
)
def test_a_place_that_will_not_do_is_refused_and_left_as_it_was(hospital, tmp_path, where, status):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Problem) as refused:
        replicate(load(hospital), tmp_path / where, 8090)
    assert refused.value.status == status
    assert sorted(tmp_path.rglob("*")) == before


def test_a_participant_that_keeps_its_records_in_a_file_gets_no_further_process(tmp_path):
    found(tmp_path / "vendor", "Vendor", "vendor", 8080)
    with pytest.raises(Problem, match="no other may use it"):
        replicate(load(tmp_path / "vendor"), tmp_path / "second", 8090)
    assert not (tmp_path / "second").exists()


def test_settings_that_cannot_be_rewritten_line_by_line_are_refused():
    with pytest.raises(Problem, match="cannot be rewritten"):
        rewritten('name = """\nport = 1\n"""\n', {"port": 2})


def test_the_command_says_what_it_made_and_repeats_itself_only_when_asked(hospital, tmp_path, capsys):
    command = ["admin", "replica", str(tmp_path / "second"), "--port", "8090", "--directory", str(hospital), "--json"]
    assert run(command) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["port"] == 8090
    assert run(command) == 2
    assert "something in" in capsys.readouterr().err
    assert run([*command, "--if-missing"]) == 0
    assert json.loads(capsys.readouterr().out) == made


def test_a_participant_is_founded_on_a_database_without_a_store_of_its_own(tmp_path, capsys):
    address = postgres.needed().created("founded_on_a_database")
    (tmp_path / "url").write_text(f"{address}\n")
    command = ["init", str(tmp_path / "h"), "--name", "Hospital", "--role", "hospital", "--json",
               "--database-url-file", str(tmp_path / "url")]  # fmt: skip
    assert run(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "h" / STORE_FILE).exists()
    assert tomllib.loads((tmp_path / "h" / "concord.toml").read_text())["database_url_file"] == str(tmp_path / "url")
    assert load(tmp_path / "h").store_url == address
    assert run(command) == 2
    assert run([*command, "--if-missing"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == first["id"]


def test_a_database_with_records_of_a_participant_founds_no_other(tmp_path, capsys):
    address = postgres.needed().created("founded_twice")
    (tmp_path / "url").write_text(address)
    command = ["init", "--name", "Hospital", "--database-url-file", str(tmp_path / "url"), "--directory"]
    assert run([*command, str(tmp_path / "first")]) == 0
    account = ["account", "open", "--subject", "somebody", "--name", "Somebody", "--role", "steward"]
    assert run([*account, "--directory", str(tmp_path / "first")]) == 0, capsys.readouterr().err
    assert run([*command, str(tmp_path / "second")]) == 2
    assert "holds the records of a participant already" in capsys.readouterr().err
