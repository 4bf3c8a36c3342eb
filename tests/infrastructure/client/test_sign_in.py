"""The real Kafka client with the real signing library loads the files of start.sh: AWS can verify the signature."""

import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from tests.infrastructure.client.msk import HOST, OPENS_TRUST, REFUSAL, Door, is_signed, msk_door
from tests.infrastructure.client.sandbox import ARCHIVES, Sandbox
from tooling.aws_setup.archives import Archive, read_archives
from tooling.local_cloud.jars import jars, java

IAM: Archive = read_archives(ARCHIVES)["aws-msk-iam-auth"]
REGION = "eu-west-1"
# As a machine's role has them: with a token.
CREDENTIALS = Credentials("AKIAEXAMPLE", "a secret of the test's own", "a token")
SIMPLE_LOGGER = "org.slf4j.simpleLogger"
PROXY = "etc/kafka-client/kafka-rest.properties"


@pytest.fixture(scope="module")
def iam() -> list[Path]:
    return list(jars(f"software.amazon.msk:aws-msk-iam-auth:{IAM.version}:all"))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    folder = tmp_path / "door"
    folder.mkdir()
    with msk_door(folder) as door:
        yield door


def run_tool(
    classes: Sequence[Path], door: Door, name: str, *arguments: str, log: str = f"{SIMPLE_LOGGER}.defaultLogLevel=info"
) -> subprocess.CompletedProcess[str]:
    """Run one of Kafka's tools against the door, as the machine's role would."""
    return subprocess.run(
        [
            *(str(java()), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            *("-cp", ":".join(map(str, classes)), f"-D{log}"),
            *(f"-Djavax.net.ssl.trustStore={door.trust}", f"-Djavax.net.ssl.trustStorePassword={OPENS_TRUST}"),
            *(f"org.apache.kafka.tools.{name}", "--bootstrap-server", f"{HOST}:{door.port}", *arguments),
        ],
        env={
            "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
            "AWS_SESSION_TOKEN": str(CREDENTIALS.token),
            "AWS_REGION": REGION,
            # Where the service's log file is.
            "LOGS_DIRECTORY": str(door.trust.parent),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def of_the_proxy(sandbox: Sandbox, prefix: str) -> Path:
    """Write what the REST proxy gives to a client of the kind, as its KafkaRestConfig puts it together."""
    found = sandbox.properties(PROXY)
    given = {
        key.removeprefix(start): value
        for start in ("client.", prefix)
        for key, value in found.items()
        if key.startswith(start)
    }
    file = sandbox.root / f"{prefix}properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in given.items()), encoding="utf-8")
    return file


def test_the_jar_is_the_pinned_one(iam: list[Path]) -> None:
    assert [hashlib.sha256(jar.read_bytes()).hexdigest() for jar in iam] == [IAM.sha256]
    assert IAM.file_name == f"aws-msk-iam-auth-{IAM.version}-all.jar"


def test_kafkas_own_tool_authenticates_with_the_role_and_its_signature_fits_nothing_else(
    started: Sandbox, door: Door, tools: list[Path], iam: list[Path]
) -> None:
    config = started.root / "etc/kafka-client/client.properties"
    done = run_tool([*iam, *tools], door, "TopicCommand", "--list", "--command-config", str(config))
    assert set(door.mechanisms) == {"AWS_MSK_IAM"}
    assert {sign_in["action"] for sign_in in door.sign_ins} == {"kafka-cluster:Connect"}
    assert all(is_signed(sign_in, CREDENTIALS, REGION) for sign_in in door.sign_ins)
    # start.sh shows the first line when the brokers refuse.
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == f"Error while executing topic command : {REFUSAL}"
    other = Credentials(CREDENTIALS.access_key, "another secret", CREDENTIALS.token)
    assert not is_signed(door.sign_ins[0], other, REGION)
    assert not is_signed(door.sign_ins[0], CREDENTIALS, "us-east-1")


def test_without_the_jar_nothing_signs(started: Sandbox, door: Door, tools: list[Path]) -> None:
    config = started.root / "etc/kafka-client/client.properties"
    done = run_tool(tools, door, "TopicCommand", "--list", "--command-config", str(config))
    assert "software.amazon.msk.auth.iam" in done.stdout + done.stderr
    assert (done.returncode, door.sign_ins) == (1, [])


def test_the_proxys_producer_authenticates_with_the_role(
    started: Sandbox, door: Door, tools: list[Path], iam: list[Path]
) -> None:
    config = of_the_proxy(started, "producer.")
    arguments = ("--topic", "t", "--num-records", "1", "--record-size", "1", "--throughput", "-1")
    done = run_tool([*iam, *tools], door, "ProducerPerformance", *arguments, "--command-config", str(config))
    assert set(door.clients) == {"test-kafka-rest"}
    assert is_signed(door.sign_ins[0], CREDENTIALS, REGION)
    said = done.stdout + done.stderr
    assert REFUSAL in said
    assert all(line in said for line in ("acks = -1", "delivery.timeout.ms = 20000", "compression.type = lz4"))
    assert "were supplied but are not used yet" not in said


def test_the_proxys_admin_client_authenticates_with_the_role(
    started: Sandbox, door: Door, tools: list[Path], iam: list[Path]
) -> None:
    config = of_the_proxy(started, "admin.")
    done = run_tool([*iam, *tools], door, "TopicCommand", "--list", "--command-config", str(config))
    assert is_signed(door.sign_ins[0], CREDENTIALS, REGION)
    assert "default.api.timeout.ms = 20000" in done.stdout + done.stderr


def test_the_proxys_log_goes_to_the_journal_and_to_the_file_that_is_sent(
    started: Sandbox, door: Door, tools: list[Path], iam: list[Path]
) -> None:
    kafkas = [jar for jar in tools if "slf4j-simple" not in jar.name]
    (core,) = [jar.stem for jar in kafkas if "log4j-core" in jar.name]
    binding = jars(f"org.apache.logging.log4j:log4j-slf4j-impl:{core.rpartition('-')[2]}")
    settings = started.root / "etc/kafka-client"
    log = f"log4j2.configurationFile={settings}/log4j2.properties"
    arguments = ("--list", "--command-config", f"{settings}/client.properties")
    done = run_tool([*iam, *kafkas, *binding], door, "TopicCommand", *arguments, log=log)
    assert done.stdout.splitlines()[0] == "INFO AdminClientConfig values: "
    assert "INFO Metrics reporters closed (org.apache.kafka.common.metrics.Metrics)" in done.stdout.splitlines()
    assert done.stderr == ""
    sent = (door.trust.parent / "kafka-rest.log").read_text(encoding="utf-8")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3} INFO AdminClientConfig values: ", sent)
