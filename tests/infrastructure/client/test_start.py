"""start.sh, run in a sandbox: on a new machine, and on one that it has set up before."""

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path

from pinterest_pipeline.entities import ENTITIES, Names
from tests.infrastructure.client.sandbox import BROKERS, SCRIPT, Sandbox, kafka_archive

CLIENT = "/etc/kafka-client/client.properties"
PROXY = "/etc/kafka-client/kafka-rest.properties"
SIGN_IN = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "AWS_MSK_IAM",
    "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required;",
    "sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
}


def test_shellcheck_finds_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run(
        [shellcheck, "--enable=all", "--severity=style", "--norc", SCRIPT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "shellcheck disable" not in SCRIPT.read_text(encoding="utf-8")


def test_a_client_authenticates_with_the_machines_role(started: Sandbox) -> None:
    limits = {"request.timeout.ms": "10000", "default.api.timeout.ms": "20000"}
    assert started.properties(CLIENT) == SIGN_IN | limits


def test_the_proxy_gets_every_setting(started: Sandbox) -> None:
    assert started.properties(PROXY) == {
        "id": "test",
        "listeners": "http://0.0.0.0:8082",
        "bootstrap.servers": BROKERS,
        "schema.registry.url": "",
        "api.v3.enable": "false",
        "api.endpoints.allowlist": (
            "api.v2.root.get,api.v2.topics.list,api.v2.topics.get,api.v2.produce-to-topic.json"
        ),
        "thread.pool.max": "64",
        "server.connection.limit": "1024",
        **{f"client.{key}": value for key, value in SIGN_IN.items()},
        "client.client.id": "test-kafka-rest",
        "client.request.timeout.ms": "10000",
        "admin.default.api.timeout.ms": "20000",
        "producer.acks": "all",
        "producer.max.in.flight.requests.per.connection": "1",
        "producer.compression.type": "lz4",
        "producer.batch.size": "131072",
        "producer.linger.ms": "5",
        "producer.max.block.ms": "5000",
        "producer.delivery.timeout.ms": "20000",
    }


def test_the_topics_are_those_of_the_entities(started: Sandbox) -> None:
    topics = (started.fake / "topics").read_text(encoding="utf-8").split()
    assert topics == [Names("test").topic(entity) for entity in ENTITIES]


def test_a_topic_is_created_according_to_the_settings(sandbox: Sandbox) -> None:
    sandbox.run_well()
    listed, *made = sandbox.calls("kafka-topics.sh")
    begin = f"kafka-topics.sh --bootstrap-server {BROKERS} --command-config {sandbox.root}{CLIENT}"
    assert listed == f"{begin} --list"
    assert made[0] == (
        f"{begin} --create --if-not-exists --topic test.pin --partitions 6 --replication-factor 3 "
        f"--config retention.ms={168 * 3_600_000}"
    )


def test_the_tool_finds_the_jar_that_signs(started: Sandbox) -> None:
    environment = (started.fake / "tool-environment").read_text(encoding="utf-8").splitlines()
    jar = started.root / "opt/kafka-client/iam/aws-msk-iam-auth.jar"
    assert set(environment) == {f"AWS_REGION=eu-west-1 CLASSPATH={jar}"}
    assert jar.read_bytes() == b"a jar"


def test_existing_topics_do_not_change(sandbox: Sandbox) -> None:
    (sandbox.fake / "topics").write_text("test.geo\nother.user\n", encoding="utf-8")
    sandbox.run_well()
    made = [call for call in sandbox.calls("kafka-topics.sh") if "--create" in call]
    assert [call.split("--topic ")[1].split()[0] for call in made] == ["test.pin", "test.user"]


def test_unpacked_archives_are_world_readable_and_not_writable(started: Sandbox) -> None:
    installed = started.root / "opt/kafka-client"
    assert (installed / "kafka/bin/kafka-topics.sh").stat().st_mode & 0o777 == 0o755
    assert (installed / "confluent/bin/kafka-rest-start").stat().st_mode & 0o777 == 0o755
    others = stat.S_IWGRP | stat.S_IWOTH
    assert [path for path in started.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & others] == []
    assert {path.stat().st_uid for path in installed.rglob("*")} == {installed.stat().st_uid}
    assert list(installed.glob("*.partial")) == []


def test_written_files_are_readable_by_the_service(started: Sandbox) -> None:
    for path in (CLIENT, PROXY, "/etc/kafka-client/log4j2.properties", "/etc/systemd/system/kafka-rest.service"):
        assert (started.root / path.lstrip("/")).stat().st_mode & 0o777 == 0o644


def test_the_service_has_its_own_user_without_login(sandbox: Sandbox) -> None:
    sandbox.run_well()
    assert sandbox.calls("useradd") == [
        "useradd --system --no-create-home --home-dir / --shell /sbin/nologin kafka-rest"
    ]


def test_security_updates_are_installed_before_java_and_only_at_first_boot(sandbox: Sandbox) -> None:
    sandbox.run_well()
    assert sandbox.calls("dnf") == [
        "dnf --assumeyes --quiet --releasever=latest upgrade --security",
        "dnf --assumeyes --quiet --releasever=latest install java-17-amazon-corretto-headless amazon-cloudwatch-agent",
    ]
    sandbox.run_well()
    assert sandbox.calls("dnf") == []


def test_the_proxy_is_started_at_every_boot_and_awaited(sandbox: Sandbox) -> None:
    sandbox.fail("curl", times=3)
    said = sandbox.run_well()
    assert sandbox.calls("systemctl") == [
        "systemctl enable --quiet amazon-cloudwatch-agent",
        "systemctl restart amazon-cloudwatch-agent",
        "systemctl daemon-reload",
        "systemctl enable --quiet kafka-rest",
        "systemctl restart kafka-rest",
    ]
    assert said.splitlines()[-1] == "start.sh: the proxy answers on port 8082"


def test_a_second_run_changes_nothing_and_restarts_nothing(started: Sandbox) -> None:
    before = started.tree()
    said = started.run_well()
    assert started.tree() == before
    assert started.calls("systemctl", "aws", "dnf", "useradd") == [
        "systemctl enable --quiet amazon-cloudwatch-agent",
        "systemctl start amazon-cloudwatch-agent",
        "systemctl start kafka-rest",
    ]
    assert said == "start.sh: the proxy answers on port 8082\n"


def test_a_changed_setting_restarts_the_proxy(started: Sandbox) -> None:
    started.settings["PROXY_PORT"] = "9999"
    said = started.run_well()
    assert started.properties(PROXY)["listeners"] == "http://0.0.0.0:9999"
    assert "systemctl restart kafka-rest" in started.calls("systemctl")
    assert [line for line in said.splitlines() if "wrote" in line] == [f"start.sh: wrote {PROXY}"]


def test_another_version_replaces_the_installed_one(started: Sandbox) -> None:
    started.settings["IAM_JAR_KEY"] = started.offer("aws-msk-iam-auth-10.0.0-all.jar", b"a newer jar")
    started.run_well()
    assert (started.root / "opt/kafka-client/iam/aws-msk-iam-auth.jar").read_bytes() == b"a newer jar"
    assert "systemctl restart kafka-rest" in started.calls("systemctl")


def test_a_run_after_one_interrupted_before_the_restart_restarts_the_proxy(started: Sandbox) -> None:
    started.settings["PROXY_PORT"] = "9999"
    started.fail("systemctl")
    assert started.run().returncode != 0
    started.heal("systemctl")
    started.calls()
    started.run_well()
    assert "systemctl restart kafka-rest" in started.calls("systemctl")


def test_a_run_after_one_killed_while_unpacking_installs_the_archive(sandbox: Sandbox) -> None:
    sha256 = hashlib.sha256(kafka_archive()).hexdigest()
    half = sandbox.root / f"opt/kafka-client/{sha256}.partial/content/bin"
    half.mkdir(parents=True)
    (half / "half").touch()
    sandbox.run_well()
    assert sorted(path.name for path in (sandbox.root / "opt/kafka-client/kafka/bin").iterdir()) == ["kafka-topics.sh"]


def test_no_secret_is_written_or_printed(sandbox: Sandbox) -> None:
    done = sandbox.run({"AWS_ACCESS_KEY_ID": "AKIASECRET", "AWS_SECRET_ACCESS_KEY": "not-to-be-seen"})
    seen = [done.stdout, done.stderr, *sandbox.calls(), *(content for _, _, content in sandbox.tree().values())]
    assert done.returncode == 0
    assert not [text for text in seen if "AKIASECRET" in text or "not-to-be-seen" in text]


AGENT = "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json"


def test_the_logs_of_installation_and_proxy_go_to_the_log_group(started: Sandbox) -> None:
    settings = json.loads(started.read(AGENT))
    files = settings["logs"]["logs_collected"]["files"]["collect_list"]
    assert {(one["file_path"], one["log_group_name"]) for one in files} == {
        ("/var/log/cloud-init-output.log", "/test/clients/proxy"),
        ("/var/log/kafka-rest/kafka-rest.log", "/test/clients/proxy"),
    }
    assert "LogsDirectory=kafka-rest" in started.read("/etc/systemd/system/kafka-rest.service").splitlines()


def test_another_log_group_restarts_the_agent_and_nothing_else(started: Sandbox) -> None:
    started.settings["LOG_GROUP"] = "/test/other"
    started.run_well()
    assert started.calls("systemctl") == [
        "systemctl enable --quiet amazon-cloudwatch-agent",
        "systemctl restart amazon-cloudwatch-agent",
        "systemctl start kafka-rest",
    ]


def test_a_machine_that_cannot_send_its_logs_still_serves(sandbox: Sandbox) -> None:
    sandbox.fail("systemctl", times=1)
    said = sandbox.run_well()
    assert "cannot start amazon-cloudwatch-agent: this machine's logs stay on it" in said
