"""Java and jars: what the broker and Spark need from outside Python, found or downloaded once.

Spark's own Ivy resolves Maven coordinates, so the machine needs Java and no build tool.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tooling.files import cache_folder
from tooling.local_cloud.errors import LocalCloudError

OLDEST_JAVA = 17
INSTALL_JAVA = f"install Java {OLDEST_JAVA} or newer (such as openjdk-17-jre-headless) or point JAVA_HOME at one"

_COORDINATE = re.compile(r"[\w.-]+(:[\w.-]+){2,3}")
_DOWNLOAD_SECONDS = 600
# Files named after organisation and version: two organisations may publish the same artifact name.
_FILE_PATTERN = "[organisation]-[artifact]-[revision](-[classifier]).[ext]"
_IVY_SETTINGS = """\
<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true" root="https://repo1.maven.org/maven2/"/></resolvers>
</ivysettings>
"""
# Ivy's command line has no classifier. A jar with one is requested without dependencies.
_IVY_MODULE = """\
<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">
  <info organisation="pinterest-pipeline" module="jars"/>
  <dependencies>
    <dependency org="{}" name="{artifact}" rev="{}" transitive="false">
      <artifact name="{artifact}" type="jar" m:classifier="{}"/>
    </dependency>
  </dependencies>
</ivy-module>
"""


def java() -> Path:
    """Return the Java program: that of JAVA_HOME where it is set, else the first on the path.

    Raises:
        LocalCloudError: There is none, it does not run, or it is older than 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if found is None:
        raise LocalCloudError(f"no Java found on the path; {INSTALL_JAVA}")
    try:
        answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise LocalCloudError(f"{found} does not run as Java; {INSTALL_JAVA}") from error
    version = _major_version(answer.stderr + answer.stdout)
    if version is None:
        raise LocalCloudError(f"{found} does not print its version as Java does; {INSTALL_JAVA}")
    if version < OLDEST_JAVA:
        raise LocalCloudError(f"{found} is Java {version}, which is too old; {INSTALL_JAVA}")
    return Path(found)


def jars(coordinate: str) -> tuple[Path, ...]:
    """Return the jars of a Maven coordinate and of all it depends on; the first call downloads them.

    Args:
        coordinate: `organisation:artifact:version` on Maven Central; or `organisation:artifact:version:classifier`,
            which is that one jar.

    Raises:
        LocalCloudError: The coordinate is malformed, Java is missing, or the download fails.
    """
    if not _COORDINATE.fullmatch(coordinate):
        raise LocalCloudError(f"a Maven coordinate looks like organisation:artifact:version; got {coordinate!r}")
    folder = cache_folder("jars") / coordinate.replace(":", "/")
    if not folder.is_dir():
        _download(coordinate, folder)
    return tuple(sorted(folder.glob("*.jar")))


def _major_version(text: str) -> int | None:
    # Java 8 calls itself 1.8.
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def _download(coordinate: str, folder: Path) -> None:
    program = java()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as partial:
            _run_ivy(program, coordinate, Path(partial))
            _publish(Path(partial, "jars"), folder)
    except OSError as error:
        raise LocalCloudError(f"cannot keep jars in {folder}: {error.strerror or error}") from error


def _publish(arrived: Path, folder: Path) -> None:
    # A rename is atomic: no reader sees an incomplete set of jars. Of two processes that download, the first one wins.
    try:
        arrived.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _run_ivy(program: Path, coordinate: str, work: Path) -> None:
    settings = work / "settings.xml"
    settings.write_text(_IVY_SETTINGS, encoding="utf-8")
    command = [
        *(str(program), "-jar", str(_ivy()), "-settings", str(settings), "-cache", str(work / "cache")),
        *(*_wanted(coordinate, work), "-confs", "default"),
        # Many Apache jars are published with the type "bundle".
        *("-types", "jar", "bundle", "-retrieve", str(work / "jars" / _FILE_PATTERN)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LocalCloudError(f"downloading {coordinate} from Maven Central took over {_DOWNLOAD_SECONDS} s") from error
    if done.returncode != 0:
        raise LocalCloudError(
            f"cannot fetch {coordinate} from Maven Central: {_ivy_reason(done.stdout + done.stderr)}; "
            "check the network and the coordinate"
        )


def _wanted(coordinate: str, work: Path) -> list[str]:
    organisation, artifact, version, *classifier = coordinate.split(":")
    if not classifier:
        return ["-dependency", organisation, artifact, version]
    module = work / "module.xml"
    module.write_text(_IVY_MODULE.format(organisation, version, *classifier, artifact=artifact), encoding="utf-8")
    return ["-ivy", str(module)]


def _ivy_reason(output: str) -> str:
    lines = [line.strip(" :\t") for line in output.splitlines()]
    reasons = [line for line in lines if "not found" in line or "Exception" in line or "FAILED" in line]
    return reasons[0] if reasons else "Ivy gave no reason"


def _ivy() -> Path:
    spark = find_spec("pyspark")
    folders = list(spark.submodule_search_locations or ()) if spark else []
    found = [jar for folder in folders for jar in Path(folder, "jars").glob("ivy-*.jar")]
    if not found:
        raise LocalCloudError(f"no pyspark with its Ivy in {sys.prefix}; install the project's group `local`")
    return found[0]
