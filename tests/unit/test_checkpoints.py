import json
from pathlib import Path

import pytest

from pinterest_pipeline.errors import StageError
from pinterest_pipeline.lake.checkpoints import Batch, folder, interrupted_batch, query_id, visible_folder


def checkpoint(place: Path, begun: list[str], ended: list[str]) -> Path:
    for log, files in (("offsets", begun), ("commits", ended)):
        (place / log).mkdir(parents=True)
        for name in files:
            (place / log / name).touch()
    return place


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/Volumes/main/pinterest/checkpoints", "/Volumes/main/pinterest/checkpoints"),
        ("dbfs:/Volumes/main/pinterest/checkpoints", "/Volumes/main/pinterest/checkpoints"),
        ("file:/data/checkpoints", "/data/checkpoints"),
        ("file:///data/checkpoints", "/data/checkpoints"),
        ("relative/c:heckpoints", "relative/c:heckpoints"),
    ],
)
def test_a_folder_is_known_by_the_path_that_python_has_for_it(path: str, local: str) -> None:
    assert folder(path) == Path(local)


@pytest.mark.parametrize("path", ["s3://bucket/checkpoints", "abfss://c@a.dfs.core.windows.net/c", "dbfs:/checkpoints"])
def test_a_store_without_files_is_refused_with_what_is_expected(path: str) -> None:
    with pytest.raises(StageError, match=r"a volume \(/Volumes/\.\.\.\) or a local folder, got "):
        folder(path)


def test_a_batch_that_was_begun_and_not_ended_was_cut_off(tmp_path: Path) -> None:
    assert interrupted_batch(checkpoint(tmp_path, ["9", "10", "11"], ["9", "10"])) == 11


@pytest.mark.parametrize(("begun", "ended"), [(["0", "1"], ["0", "1"]), ([], []), (["1", ".2.crc", ".2.tmp"], ["1"])])
def test_none_was_cut_off_where_each_has_ended(tmp_path: Path, begun: list[str], ended: list[str]) -> None:
    assert interrupted_batch(checkpoint(tmp_path, begun, ended)) is None


def test_a_query_that_never_ran_has_no_batch(tmp_path: Path) -> None:
    assert interrupted_batch(tmp_path / "nowhere") is None


def test_the_id_is_the_one_that_spark_has_written(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text(json.dumps({"id": "0d4f"}), encoding="utf-8")
    assert query_id(tmp_path) == "0d4f"


@pytest.mark.parametrize("text", [None, "", "{}", "no JSON"])
def test_a_checkpoint_without_its_id_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "metadata").write_text(text, encoding="utf-8")
    with pytest.raises(StageError, match=f"in the checkpoint {tmp_path}, found none"):
        query_id(tmp_path)


def test_names_of_batches_differ_in_front_where_deltas_statistics_look() -> None:
    assert Batch("q" * 36, 7).name == "0000000007/" + "q" * 36


def test_a_volume_that_is_no_folder_here_is_refused_before_a_query_starts() -> None:
    with pytest.raises(
        StageError,
        match=r"expected the volume /Volumes/main/pinterest/checkpoints to be mounted as a folder; run this in",
    ):
        visible_folder("dbfs:/Volumes/main/pinterest/checkpoints/ingest_s3/pin")


def test_a_local_folder_needs_not_be_there_yet(tmp_path: Path) -> None:
    assert visible_folder(f"file:{tmp_path}/none") == tmp_path / "none"
