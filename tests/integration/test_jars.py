"""Jars from Maven Central, downloaded once; and Java, found or requested."""

from pathlib import Path

import pytest

from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.jars import jars, java

SMALL = "org.slf4j:slf4j-simple:1.7.36"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def fake_java(home: Path, answer: str) -> None:
    """Make a program that says it is Java."""
    program = home / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{answer}' >&2\n", encoding="utf-8")
    program.chmod(0o755)


def test_a_coordinate_comes_with_all_it_needs_and_only_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = jars(SMALL)
    assert [jar.name for jar in found] == ["org.slf4j-slf4j-api-1.7.36.jar", "org.slf4j-slf4j-simple-1.7.36.jar"]
    monkeypatch.setenv("JAVA_HOME", str(cache))
    assert jars(SMALL) == found


def test_a_coordinate_with_a_classifier_is_that_one_jar(cache: Path) -> None:
    found = jars(f"{SMALL}:sources")
    assert [jar.name for jar in found] == ["org.slf4j-slf4j-simple-1.7.36-sources.jar"]
    assert cache in found[0].parents


def test_a_coordinate_that_is_not_there_leaves_nothing(cache: Path) -> None:
    with pytest.raises(
        LocalCloudError, match=r"cannot fetch org\.slf4j:slf4j-simple:0\.0\.0 from Maven Central: .*not found"
    ):
        jars("org.slf4j:slf4j-simple:0.0.0")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("coordinate", ["", "a:b", "a:b:c:d:e", "../a:b:c d"])
def test_a_malformed_coordinate_is_refused(coordinate: str) -> None:
    with pytest.raises(LocalCloudError, match="organisation:artifact:version"):
        jars(coordinate)


@pytest.mark.usefixtures("no_java")
def test_a_missing_java_is_told() -> None:
    with pytest.raises(LocalCloudError, match=r"no Java found on the path; install Java 17"):
        java()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11, which is too old"),
        ('java version "1.8.0_292"', "is Java 8, which is too old"),
        ("hello", "does not print its version"),
    ],
)
def test_an_old_java_is_told(answer: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, answer)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LocalCloudError, match=reason):
        java()


def test_java_home_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, 'openjdk version "21.0.1" 2023-10-17')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java() == tmp_path / "bin" / "java"


def test_a_java_home_without_java_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LocalCloudError, match="does not run as Java"):
        java()
