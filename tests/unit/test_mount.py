import traceback
from collections.abc import Sequence

import pytest

from pinterest_pipeline.errors import SettingsError, StageError
from pinterest_pipeline.ingest.legacy_mount.aws_keys import AwsKeys
from pinterest_pipeline.ingest.legacy_mount.mount import MOUNT_POINT, mount, mounted_source, unmount
from tests.support.stand_ins import DbUtils, FileSystem, Mount, WorkspaceError

HIDDEN = "wJalr/of+the=test"
KEYS = AwsKeys("AKIAOFTHETEST", HIDDEN)


def keys() -> AwsKeys:
    return KEYS


def keys_that_are_gone() -> AwsKeys:
    raise StageError("the table of the keys is gone")


@pytest.fixture
def dbutils() -> DbUtils:
    return DbUtils()


def test_the_bucket_is_mounted_with_its_keys_as_settings_and_not_in_the_url(dbutils: DbUtils) -> None:
    assert mount(dbutils, "posts", keys)
    assert mounted_source(dbutils) == "s3a://posts"
    assert dbutils.fs.configs == {"fs.s3a.access.key": "AKIAOFTHETEST", "fs.s3a.secret.key": HIDDEN}


def test_a_second_call_mounts_nothing(dbutils: DbUtils) -> None:
    mount(dbutils, "posts", keys)
    assert not mount(dbutils, "posts", keys)
    assert dbutils.fs.calls == [f"mount s3a://posts {MOUNT_POINT}"]


def test_what_is_mounted_needs_its_keys_no_longer(dbutils: DbUtils) -> None:
    mount(dbutils, "posts", keys)
    assert not mount(dbutils, "posts", keys_that_are_gone)


def test_without_keys_the_first_bucket_stays_mounted(dbutils: DbUtils) -> None:
    mount(dbutils, "posts", keys)
    with pytest.raises(StageError, match="is gone"):
        mount(dbutils, "other-posts", keys_that_are_gone)
    assert mounted_source(dbutils) == "s3a://posts"


def test_a_trailing_slash_in_the_list_of_mounts_is_no_other_bucket(dbutils: DbUtils) -> None:
    dbutils.fs.mount("s3a://posts/", MOUNT_POINT, extra_configs={})
    assert not mount(dbutils, "posts", keys)


def test_another_bucket_takes_the_place_of_the_first(dbutils: DbUtils) -> None:
    mount(dbutils, "posts", keys)
    assert mount(dbutils, "other-posts", keys)
    assert dbutils.fs.calls[1:] == [f"unmount {MOUNT_POINT}", f"mount s3a://other-posts {MOUNT_POINT}"]


def test_mounts_at_other_places_stay(dbutils: DbUtils) -> None:
    mount(dbutils, "posts", keys, "/mnt/first")
    mount(dbutils, "posts", keys, "/mnt/second")
    assert unmount(dbutils, "/mnt/second")
    assert [each.mount_point for each in dbutils.fs.mounts()] == ["/databricks-datasets", "/mnt/first"]


def test_unmounting_what_is_not_mounted_does_nothing(dbutils: DbUtils) -> None:
    assert not unmount(dbutils)
    assert dbutils.fs.calls == []


@pytest.mark.parametrize("bucket", ["", "Posts", "s3://posts", f"AKIA:{HIDDEN}@posts", "po"])
def test_what_is_no_bucket_name_is_refused_without_repeating_it(dbutils: DbUtils, bucket: str) -> None:
    with pytest.raises(SettingsError, match="plain S3 bucket name") as refusal:
        mount(dbutils, bucket, keys)
    assert HIDDEN not in str(refusal.value)
    assert dbutils.fs.calls == []


@pytest.mark.parametrize("place", ["/mnt", "/mnt/", "pinterest", "/databricks-datasets", "/mnt/a b"])
def test_a_mount_point_outside_mnt_is_refused(dbutils: DbUtils, place: str) -> None:
    with pytest.raises(SettingsError, match="folder under /mnt"):
        mount(dbutils, "posts", keys, place)


def test_a_refusal_is_one_clear_error_and_its_whole_trace_shows_no_key() -> None:
    told = WorkspaceError(f"403 Forbidden for AKIAOFTHETEST:{HIDDEN} and wJalr%2Fof%2Bthe%3Dtest")
    with pytest.raises(StageError, match=r"mounting s3a://posts at /mnt/pinterest was refused: 403") as refusal:
        mount(DbUtils(fs=FileSystem(refusal=told)), "posts", keys)
    trace = "".join(traceback.format_exception(refusal.value))
    for shown in (HIDDEN, "wJalr%2F", "AKIAOFTHETEST"):
        assert shown not in trace


class WithoutMounts(FileSystem):
    """Serverless compute."""

    def mounts(self) -> Sequence[Mount]:
        raise WorkspaceError("mounts is not supported")


def test_compute_that_knows_no_mounts_says_what_to_use_instead() -> None:
    with pytest.raises(StageError, match="external location"):
        mount(DbUtils(fs=WithoutMounts()), "posts", keys)


def test_an_interrupted_mount_is_not_an_error_of_the_workspace() -> None:
    with pytest.raises(KeyboardInterrupt):
        mount(DbUtils(fs=FileSystem(refusal=KeyboardInterrupt())), "posts", keys)


def test_keys_show_neither_of_themselves() -> None:
    for shown in (repr(KEYS), str(KEYS), f"{KEYS}", f"{[KEYS]}"):
        assert HIDDEN not in shown
        assert "AKIA" not in shown


@pytest.mark.parametrize("pair", [("", HIDDEN), ("AKIAOFTHETEST", "")])
def test_half_a_pair_of_keys_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(StageError, match="one of them is empty"):
        AwsKeys(*pair)
