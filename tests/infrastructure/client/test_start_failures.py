"""start.sh, run in a sandbox, when a step fails: one line names the failure, and nothing incomplete stays."""

import hashlib
import re
import subprocess

import pytest

from pinterest_pipeline.files import locked
from tests.infrastructure.client.sandbox import Sandbox


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that says what failed; it must be the last."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("start.sh: failed: ")]
    assert done.returncode == 1
    assert lines == done.stderr.splitlines()[-1:]
    return lines[0].removeprefix("start.sh: failed: ")


def test_a_wrong_archive_is_rejected_before_it_is_unpacked(sandbox: Sandbox) -> None:
    key = sandbox.settings["KAFKA_ARCHIVE_KEY"]
    (sandbox.fake / "bucket" / key).write_bytes(b"something else")
    wanted, got = key.split("/")[1], hashlib.sha256(b"something else").hexdigest()
    assert failure(sandbox.run()) == (
        f"{key} is not what was pinned: expected SHA-256 {wanted}, got {got}; upload it again"
    )
    files = [path for path in (sandbox.root / "opt/kafka-client").rglob("*") if path.is_file()]
    assert files == [sandbox.root / "opt/kafka-client/lock"]


def test_an_archive_that_cannot_be_unpacked_is_reported_and_not_considered_installed(sandbox: Sandbox) -> None:
    sandbox.settings["CONFLUENT_ARCHIVE_KEY"] = sandbox.offer("confluent-community-9.9.9.tar.gz", b"no archive")
    for _ in range(2):
        assert failure(sandbox.run()).startswith("cannot unpack confluent-community-9.9.9.tar.gz; is the disk full?")
    assert not (sandbox.root / "opt/kafka-client/confluent").exists()


def test_a_temporary_failure_is_retried(sandbox: Sandbox) -> None:
    for program, times in {"dnf": 2, "aws": 4, "kafka-topics.sh": 5, "curl": 20}.items():
        sandbox.fail(program, times)
    said = sandbox.run_well()
    assert said.count("the brokers do not list their topics yet (kafka-topics.sh says no); asking again") == 5


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("dnf", "cannot install from Amazon Linux's repositories; does S3's gateway endpoint admit their bucket"),
        ("useradd", "cannot make the user kafka-rest"),
        ("aws", "cannot fetch s3://test-artifacts/archives/.*; may the machine's role read it"),
        ("kafka-topics.sh", r"no broker of b-1\..* lists its topics \(kafka-topics.sh says no\); check the cluster"),
        ("systemctl", "cannot start kafka-rest; see systemctl status kafka-rest"),
        ("curl", "the proxy does not answer on port 8082; see journalctl --unit kafka-rest"),
    ],
)
def test_a_step_that_fails_ends_the_run_with_one_line(program: str, reason: str, sandbox: Sandbox) -> None:
    sandbox.fail(program)
    assert re.match(reason, failure(sandbox.run()))


def test_a_topic_that_cannot_be_created_is_named(sandbox: Sandbox) -> None:
    sandbox.refuse_topics("Replication factor: 3 larger than available brokers: 2.")
    done = sandbox.run()
    assert "Replication factor: 3 larger than available brokers" in done.stdout
    assert failure(done).startswith("cannot make the topic test.pin; may the machine's role, and are there as many")


def test_a_proxy_that_does_not_answer_shows_its_journal(sandbox: Sandbox) -> None:
    sandbox.fail("curl")
    assert "what the journal says" in sandbox.run().stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", ""),
        ("AWS_REGION", "europe"),
        ("ARTIFACTS_BUCKET", "Bucket"),
        ("KAFKA_ARCHIVE_KEY", "kafka.tgz"),
        ("IAM_JAR_KEY", f"archives/{'0' * 64}/../jar"),
        ("IAM_JAR_KEY", f"archives/{'0' * 64}/.."),
        ("CONFLUENT_ARCHIVE_KEY", f"archives/{'0' * 63}/confluent.tar.gz"),
        ("BOOTSTRAP_BROKERS", "broker"),
        ("BOOTSTRAP_BROKERS", "broker:9098\nproducer.acks=0"),
        ("PREFIX", "Capital"),
        ("PREFIX", "a$(reboot)"),
        ("REPLICATION_FACTOR", "0"),
        ("PARTITIONS", "many"),
        ("RETENTION_HOURS", "-1"),
        ("PROXY_PORT", "80820000"),
    ],
)
def test_a_malformed_setting_is_named_before_any_change(name: str, value: str, sandbox: Sandbox) -> None:
    sandbox.settings[name] = value
    assert re.match(rf"{name} must be .*; got \$?'", failure(sandbox.run()))
    assert (sandbox.calls(), sandbox.tree()) == ([], {})


@pytest.mark.parametrize("name", ["ARTIFACTS_BUCKET", "BOOTSTRAP_BROKERS", "PREFIX"])
def test_a_missing_setting_is_named(name: str, sandbox: Sandbox) -> None:
    del sandbox.settings[name]
    assert failure(sandbox.run()).startswith(f"{name} must be ")


def test_an_unexpected_system_is_reported(sandbox: Sandbox) -> None:
    sandbox.remove("dnf")
    assert failure(sandbox.run()) == "there is no dnf; use the standard image of Amazon Linux 2023"
    assert sandbox.tree() == {}


def test_concurrent_runs_exclude_each_other(started: Sandbox) -> None:
    with locked(started.root / "opt/kafka-client/lock"):
        assert failure(started.run()) == "another run of start.sh is under way; wait for it"
