"""A machine that start.sh can be run on for real: a folder for its root, stand-ins for what belongs to the machine.

The shell, tar, sha256sum, cmp and the other plain tools are the real ones. Stand-ins are aws, dnf, rpm, systemctl and
the like, and the Kafka tool in the archive: each writes down how it was called, keeps just the state that start.sh asks
for, and fails as often as a test says.
"""

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "infrastructure/client/start.sh"
ARCHIVES = SCRIPT.with_name("archives.toml")

BUCKET = "test-artifacts"
BROKERS = "b-1.test.kafka.eu-west-1.amazonaws.com:9098,b-2.test.kafka.eu-west-1.amazonaws.com:9098"

_BEGIN = """\
#!/bin/bash
name=${0##*/}
printf '%s %s\\n' "${name}" "$*" >>"${FAKE}/calls"
if [[ -s ${FAKE}/failures/${name} ]]; then
  left=$(cat "${FAKE}/failures/${name}")
  if [[ ${left} -gt 1 ]]; then
    echo $((left - 1)) >"${FAKE}/failures/${name}"
  else
    rm "${FAKE}/failures/${name}"
  fi
  echo "${name} says no"
  exit 7
fi
"""

_STAND_INS = {
    "aws": 'cp "${FAKE}/bucket/${6#s3://*/}" "$7"',
    "curl": "",
    "dnf": '[[ $* != *install* ]] || touch "${FAKE}/java"',
    "getent": "[[ -e ${FAKE}/user ]] || exit 2",
    "journalctl": "echo what the journal says >&2",
    "rpm": "[[ -e ${FAKE}/java ]]",
    "sleep": "",
    "systemctl": "",
    "useradd": 'touch "${FAKE}/user"',
}

_KAFKA_TOPICS = """\
echo "AWS_REGION=${AWS_REGION} CLASSPATH=${CLASSPATH}" >>"${FAKE}/tool-environment"
case $* in
*--list*) cat "${FAKE}/topics" ;;
*--create*)
  if [[ -e ${FAKE}/refusal ]]; then cat "${FAKE}/refusal"; exit 1; fi
  echo "Created topic."
  [[ $* =~ --topic\\ ([^ ]+) ]] && echo "${BASH_REMATCH[1]}" >>"${FAKE}/topics" ;;
esac
"""


class Sandbox:
    """One such machine.

    Attributes:
        root: Its root folder.
        fake: State of the stand-ins.
        settings: The environment variables of start.sh.
    """

    def __init__(self, folder: Path) -> None:
        self.root, self.fake, self._programs = folder / "root", folder / "fake", folder / "programs"
        for new in (self.root, self.fake, self.fake / "failures", self._programs):
            new.mkdir()
        (self.fake / "topics").touch()
        for name, act in _STAND_INS.items():
            self._program(name, act)
        self.settings = {
            "AWS_REGION": "eu-west-1",
            "ARTIFACTS_BUCKET": BUCKET,
            "KAFKA_ARCHIVE_KEY": self.offer("kafka_2.13-9.9.9.tgz", kafka_archive()),
            "IAM_JAR_KEY": self.offer("aws-msk-iam-auth-9.9.9-all.jar", b"a jar"),
            "CONFLUENT_ARCHIVE_KEY": self.offer("confluent-community-9.9.9.tar.gz", confluent_archive()),
            "BOOTSTRAP_BROKERS": BROKERS,
            "PREFIX": "test",
            "REPLICATION_FACTOR": "3",
            "PARTITIONS": "6",
            "RETENTION_HOURS": "168",
            "LOG_GROUP": "/test/clients/proxy",
        }

    def offer(self, name: str, content: bytes) -> str:
        """Put a file into the bucket and return its key."""
        key = f"archives/{hashlib.sha256(content).hexdigest()}/{name}"
        file = self.fake / "bucket" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return key

    def fail(self, program: str, times: int = 1000) -> None:
        """Let a stand-in fail the next times it is called."""
        (self.fake / "failures" / program).write_text(f"{times}\n", encoding="utf-8")

    def heal(self, program: str) -> None:
        """Let a stand-in do its work again."""
        (self.fake / "failures" / program).unlink()

    def refuse_topics(self, reason: str) -> None:
        """Let the brokers make no topic."""
        (self.fake / "refusal").write_text(f"{reason}\n", encoding="utf-8")

    def remove(self, program: str) -> None:
        """Take a stand-in away."""
        (self._programs / program).unlink()

    def run(self, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run start.sh with the settings, and with nothing of this process's environment."""
        path = f"{self._programs}:/usr/bin:/bin"
        own = {"PATH": path, "ROOT": str(self.root), "FAKE": str(self.fake)}
        return subprocess.run(
            ["/bin/bash", str(SCRIPT)],
            env=own | self.settings | dict(environment or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def run_well(self) -> str:
        """Run start.sh, which must succeed, and return what it said."""
        done = self.run()
        assert done.returncode == 0, done.stderr
        return done.stdout

    def calls(self, *programs: str) -> list[str]:
        """How stand-ins were called since this was last asked."""
        file = self.fake / "calls"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        file.write_text("", encoding="utf-8")
        return [line for line in lines if not programs or line.partition(" ")[0] in programs]

    def read(self, path: str) -> str:
        """Return the text of a file below the root."""
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    def properties(self, path: str) -> dict[str, str]:
        """Return what a properties file says."""
        lines = [line for line in self.read(path).splitlines() if line and not line.startswith("#")]
        found = dict(line.split("=", 1) for line in lines)
        assert len(found) == len(lines)
        return found

    def tree(self) -> dict[str, tuple[int, int, str]]:
        """Return everything below the root: mode, time of change, content or target."""
        return {str(path.relative_to(self.root)): _state(path) for path in self.root.rglob("*")}

    def _program(self, name: str, act: str) -> None:
        file = self._programs / name
        file.write_text(f"{_BEGIN}{act}\n", encoding="utf-8")
        file.chmod(0o755)


def kafka_archive(tool: str = _BEGIN + _KAFKA_TOPICS) -> bytes:
    """Make an archive with the layout of Apache Kafka's, and another script as its tool for topics."""
    return _archive({"kafka_2.13-9.9.9/bin/kafka-topics.sh": tool, "kafka_2.13-9.9.9/LICENSE": "-"})


def confluent_archive() -> bytes:
    """Make an archive with the layout of Confluent's."""
    return _archive({"confluent-9.9.9/bin/kafka-rest-start": "#!/bin/bash\n", "confluent-9.9.9/README": "-"})


def _archive(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            # As careless as an archive can be: writable by everybody, somebody else's.
            member.mode, member.uid, member.gid = 0o777 if "/bin/" in name else 0o666, 501, 20
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def _state(path: Path) -> tuple[int, int, str]:
    found = path.lstat()
    if path.is_symlink():
        return found.st_mode, 0, str(path.readlink())
    return found.st_mode, 0 if path.is_dir() else found.st_mtime_ns, "" if path.is_dir() else path.read_text("utf-8")
