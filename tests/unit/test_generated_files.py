"""What a script does that writes a generated file."""

from pathlib import Path

import pytest

from pinterest_pipeline.errors import SettingsError
from tooling.files import generate


def test_the_file_is_written_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["script"])
    generate(tmp_path / "page.md", lambda: "text\n", "Write the page.")
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "text\n"
    assert capsys.readouterr().out == f"wrote {tmp_path / 'page.md'}\n"


def test_a_file_that_cannot_be_written_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["script"])
    with pytest.raises(SettingsError, match=r"cannot write .*page\.md: No such file or directory"):
        generate(tmp_path / "gone" / "page.md", str, "Write the page.")
