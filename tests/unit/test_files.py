"""Files that are replaced in one step, and locks that two processes cannot both hold."""

from contextlib import suppress
from pathlib import Path

import pytest

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.files import locked, replacing


def test_a_file_is_replaced_when_the_work_on_its_draft_has_succeeded(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old", encoding="utf-8")
    with replacing(file) as draft:
        draft.write_text("new", encoding="utf-8")
        assert file.read_text(encoding="utf-8") == "old"
    assert file.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_after_a_failure_the_old_file_is_there_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old", encoding="utf-8")
    with suppress(ValueError), replacing(file) as draft:
        draft.write_text("new", encoding="utf-8")
        raise ValueError
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_is_replaced_with_all_its_files_and_so_is_a_draft_that_a_killed_run_left(tmp_path: Path) -> None:
    folder, left = tmp_path / "answers", tmp_path / ".answers.part"
    for old in (folder, left):
        old.mkdir()
        (old / "old.csv").touch()
    with replacing(folder) as draft:
        draft.mkdir()
        (draft / "new.csv").touch()
    assert [file.name for file in folder.iterdir()] == ["new.csv"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_lock_that_another_holder_has_is_reported_and_is_free_afterwards(tmp_path: Path) -> None:
    taken = SettingsError("another run uses it")
    with locked(tmp_path / "lock"), pytest.raises(SettingsError, match="another run"), locked(tmp_path / "lock", taken):
        pass
    with locked(tmp_path / "lock", taken):
        pass
