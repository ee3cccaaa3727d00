"""The guard on the five root names, against real packages on a real import path."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from connector.rootnames import ROOT_NAMES, ForeignPackageError, require_own_packages

REPOSITORY = Path(__file__).parents[3]


def make_package(folder: Path, name: str) -> Path:
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""A package of that name."""\n')
    return package


@pytest.fixture
def import_path(monkeypatch: pytest.MonkeyPatch):
    def put_first(folder: Path) -> None:
        monkeypatch.syspath_prepend(str(folder))
        importlib.invalidate_caches()

    return put_first


def test_a_package_beside_ours_is_accepted(tmp_path, import_path):
    make_package(tmp_path, "concord_probe_ours")
    import_path(tmp_path)
    require_own_packages(["concord_probe_ours"], home=tmp_path)


def test_a_strangers_package_of_the_same_name_is_refused_and_named(tmp_path, import_path):
    make_package(tmp_path / "ours", "concord_probe_taken")
    stranger = make_package(tmp_path / "theirs", "concord_probe_taken")
    import_path(tmp_path / "ours")
    import_path(tmp_path / "theirs")
    with pytest.raises(ForeignPackageError) as refusal:
        require_own_packages(["concord_probe_taken"], home=tmp_path / "ours")
    assert refusal.value.name == "concord_probe_taken"
    assert refusal.value.found == stranger
    assert str(stranger) in str(refusal.value)


def test_a_strangers_single_module_of_the_same_name_is_refused(tmp_path, import_path):
    (tmp_path / "concord_probe_module.py").write_text("")
    import_path(tmp_path)
    with pytest.raises(ForeignPackageError):
        require_own_packages(["concord_probe_module"], home=tmp_path)


def test_a_strangers_namespace_folder_is_refused(tmp_path, import_path):
    (tmp_path / "theirs" / "concord_probe_space").mkdir(parents=True)
    import_path(tmp_path / "theirs")
    with pytest.raises(ForeignPackageError):
        require_own_packages(["concord_probe_space"], home=tmp_path / "ours")


def test_a_name_that_resolves_to_nothing_is_refused():
    with pytest.raises(ForeignPackageError, match="cannot be imported"):
        require_own_packages(["concord_probe_nowhere"])


def test_the_check_imports_nothing(tmp_path, import_path):
    (make_package(tmp_path, "concord_probe_quiet") / "__init__.py").write_text("raise SystemExit('imported')\n")
    import_path(tmp_path)
    require_own_packages(["concord_probe_quiet"], home=tmp_path)


def test_every_root_name_of_this_checkout_is_ours():
    require_own_packages([name for name in ROOT_NAMES if (REPOSITORY / name).is_dir()])


@pytest.mark.skipif(not any(REPOSITORY.glob("connector/cli*/*.py")), reason="connector.cli is not built yet")
def test_the_command_refuses_to_start_under_a_strangers_package(tmp_path):
    make_package(tmp_path, "policy")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from connector.cli import main; sys.exit(main())"
    answer = subprocess.run(
        [sys.executable, "-c", script, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "`policy` is taken by another package" in answer.stderr
