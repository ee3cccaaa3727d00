"""Settings come from the environment over concord.toml; what cannot be used is said in one line without its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.founding import found
from connector.problems import Problem
from connector.settings import load


@pytest.fixture
def directory(tmp_path, monkeypatch) -> Path:
    for name in ("NAME", "PORT", "PUBLIC_URL", "ENVIRONMENT", "TLS_KEY", "DIRECTORY"):
        monkeypatch.delenv(f"CONCORD_{name}", raising=False)
    found(tmp_path / "p", "Hospital", "hospital", 8080)
    return tmp_path / "p"


def change(directory: Path, old: str, new: str) -> None:
    path = directory / "concord.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def fault_of(directory: Path) -> Problem:
    with pytest.raises(Problem) as refused:
        load(directory)
    assert refused.value.status == 400
    assert "\n" not in str(refused.value)
    return refused.value


def test_the_environment_wins_over_the_file(directory, monkeypatch):
    monkeypatch.setenv("CONCORD_NAME", "Another name")
    monkeypatch.setenv("CONCORD_PORT", "9090")
    assert (load(directory).name, load(directory).port) == ("Another name", 9090)


def test_the_settings_of_two_directories_are_told_apart(directory, tmp_path):
    found(tmp_path / "q", "Wallet", "wallet", 8081)
    assert (load(directory).name, load(tmp_path / "q").name) == ("Hospital", "Wallet")


def test_a_directory_without_a_participant_says_how_one_is_made(tmp_path):
    assert "concord init" in str(fault_of(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("port = 8080", "port = 70000", "port"), ("port = 8080", 'port = "many"', "port"),
        ("port = 8080", 'port = 8080\nforwarded_allow_ips = "*"', "forwarded_allow_ips"),
        ("port = 8080", 'port = 8080\nforwarded_allow_ips = "10.0.0.5, *"', "forwarded_allow_ips"),
        ("port = 8080", 'port = 8080\nforwarded_allow_ips = "::/0"', "forwarded_allow_ips"),
        ('role = "hospital"', 'role = "bakery"', "role"), ("log_level", "log_levle", "log_levle"),
        ('environment = "development"', 'environment = "staging"', "environment"),
        ("freshness_hours = 24", "freshness_hours = 0", "freshness_hours"),
        ('public_url = "http://127.0.0.1:8080"', 'public_url = "http://127.0.0.1:8080/path"', "public_url"),
        ('public_url = "http://127.0.0.1:8080"', 'public_url = "127.0.0.1:8080"', "public_url"),
        ('environment = "development"', 'environment = "production"', "public_url"),
        ("# tls_key =", "tls_key =", "tls_certificate"), ("port = 8080", "port = ", "concord.toml"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_in_one_line(directory, old, new, named):
    change(directory, old, new)
    assert named in str(fault_of(directory))


def test_several_faults_stand_in_one_line(directory):
    change(directory, "port = 8080", "port = 0")
    change(directory, 'role = "hospital"', 'role = "bakery"')
    line = str(fault_of(directory))
    assert "port" in line
    assert "role" in line


def test_a_value_from_the_environment_that_cannot_be_used_is_not_repeated(directory, monkeypatch):
    monkeypatch.setenv("CONCORD_PORT", "hunter2-secret")
    assert "hunter2" not in str(fault_of(directory))


@pytest.mark.parametrize(("host", "inside"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
                                              ("localhost", True), ("0.0.0.0", False), ("::", False),
                                              ("10.0.0.1", False), ("example.org", False)])  # fmt: skip
def test_whether_only_this_machine_can_reach_the_server(directory, monkeypatch, host, inside):
    monkeypatch.setenv("CONCORD_BIND_HOST", host)
    assert load(directory).bound_to_loopback is inside


def test_settings_cannot_be_changed_while_running(directory):
    with pytest.raises(ValueError, match="frozen"):
        load(directory).port = 1


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:4318", "grpc://127.0.0.1:4317"])
def test_traces_need_an_address_that_takes_them(directory, monkeypatch, endpoint):
    monkeypatch.setenv("CONCORD_TRACES", "on")
    monkeypatch.setenv("CONCORD_TRACES_ENDPOINT", endpoint)
    with pytest.raises(Problem, match="traces_endpoint"):
        load(directory)
    monkeypatch.setenv("CONCORD_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
    assert load(directory).traces == "on"


def test_the_database_is_named_by_a_setting_or_by_a_file_and_never_shown(directory, monkeypatch, tmp_path):
    assert load(directory).store_url == ""
    address = "postgresql://somebody:hunter2@db.example/hospital"
    monkeypatch.setenv("CONCORD_DATABASE_URL", address)
    assert load(directory).store_url == address
    assert "hunter2" not in repr(load(directory)) + str(load(directory).model_dump())
    monkeypatch.delenv("CONCORD_DATABASE_URL")
    (tmp_path / "address").write_text(f"{address}\n")
    monkeypatch.setenv("CONCORD_DATABASE_URL_FILE", str(tmp_path / "address"))
    assert load(directory).store_url == address


@pytest.mark.parametrize("value", ["mysql://db.example/x", "hunter2"])
def test_a_database_of_another_kind_is_refused_without_its_address(directory, monkeypatch, tmp_path, value):
    monkeypatch.setenv("CONCORD_DATABASE_URL", value)
    said = str(fault_of(directory))
    assert "postgresql://" in said
    assert value not in said
    monkeypatch.delenv("CONCORD_DATABASE_URL")
    (tmp_path / "address").write_text(value)
    monkeypatch.setenv("CONCORD_DATABASE_URL_FILE", str(tmp_path / "address"))
    with pytest.raises(Problem) as refused:
        _ = load(directory).store_url
    assert value not in str(refused.value)
