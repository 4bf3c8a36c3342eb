"""The user data of a new machine: it downloads start.sh, checks it, and runs it."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from tests.infrastructure.rules import template

SCRIPT = "#!/bin/bash\necho started for ${PREFIX}\n"
AWS = """\
#!/bin/bash
left=$(cat "${0%/*}/failures")
[[ ${left} -eq 0 ]] || { echo $((left - 1)) >"${0%/*}/failures"; exit 1; }
cp "${0%/*}/script" "${@: -1}"
"""


def boot(folder: Path, failures: int, sha256: str = "") -> subprocess.CompletedProcess[str]:
    """Run the user data of the template in a folder, with an `aws` that fails so many times at first."""
    for name, text in {"script": SCRIPT, "failures": str(failures), "aws": AWS, "sleep": "#!/bin/bash\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    machine = template("clients").resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    text = machine["UserData"]["Fn::Base64"]["Fn::Sub"]
    values = {"Prefix": "test", "StartScriptSha256": sha256 or hashlib.sha256(SCRIPT.encode()).hexdigest()}
    filled = re.sub(r"\$\{([\w:]+)\}", lambda found: values.get(found[1], "x"), text).replace("/root/", f"{folder}/")
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(
        ["/bin/bash", "-c", filled], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("failures", [0, 3])
def test_a_failed_request_is_retried(tmp_path: Path, failures: int) -> None:
    assert boot(tmp_path, failures).stdout == "started for test\n"


@pytest.mark.parametrize(("failures", "sha256"), [(100, ""), (0, "0" * 64)])
def test_nothing_runs_without_the_expected_script(tmp_path: Path, failures: int, sha256: str) -> None:
    done = boot(tmp_path, failures, sha256)
    assert done.returncode != 0
    assert "started" not in done.stdout
