"""The file of an object store: its owner's alone, complete, and never repeated in a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.api.management.transferring import Bucket
from connector.cli.stores import stated_store
from connector.problems import Problem

WHOLE = 'endpoint = "https://s3.example.org"\nbucket = "data"\naccess_key = "AK"\nsecret_key = "hidden-key"\n'


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "store.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_whole_file_names_a_store_that_the_management_interface_takes(tmp_path: Path):
    said = stated_store(written(tmp_path, WHOLE + 'prefix = "a/b"\n'))
    store = Bucket.model_validate(said).named()
    assert (store.bucket, store.prefix, store.secret_key) == ("data", "a/b", "hidden-key")
    assert "hidden-key" not in repr(Bucket.model_validate(said))


@pytest.mark.parametrize(
    ("text", "mode"),
    [(WHOLE, 0o640), (WHOLE.replace("bucket", "basket"), 0o600), (WHOLE + "port = 9\n", 0o600), ("[", 0o600),
     (WHOLE.replace('secret_key = "hidden-key"\n', ""), 0o600), (WHOLE + "region = 3\n", 0o600)],
    ids=["readable by others", "a name we do not know", "one more", "no TOML", "a key is missing", "no text"],
)  # fmt: skip
def test_any_other_file_is_refused_without_repeating_it(tmp_path: Path, text: str, mode: int):
    with pytest.raises(Problem) as fault:
        stated_store(written(tmp_path, text, mode))
    assert fault.value.status == 400
    assert "hidden-key" not in str(fault.value)


def test_a_store_that_cannot_be_is_refused_by_the_interface_and_the_part_is_named():
    with pytest.raises(Problem) as fault:
        Bucket(endpoint="https://s3.example.org", bucket="Data", access_key="AK", secret_key="hidden-key").named()
    assert fault.value.where == "bucket"
    assert "hidden-key" not in str(fault.value)
