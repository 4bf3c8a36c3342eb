"""Whoever copies a command out of a document can run it. Here, since the script of the demo imports Spark."""

from pathlib import Path

import pytest

from tests.support.commands import DOCUMENTS, Command, Project, commands

ROOT = Path(__file__).parents[2]
HERE = Project(ROOT)


def faults(text: str) -> list[str]:
    return [fault for command in commands(text) for fault in HERE.faults(command)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_document_can_be_run(document: Path) -> None:
    found = [*commands(document.read_text(encoding="utf-8"))]
    assert {command.text: wrong for command in found if (wrong := HERE.faults(command))} == {}


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md", "docs/deploy.md", "docs/operations.md"])
def test_commands_are_found(name: str) -> None:
    assert len([*commands((ROOT / name).read_text(encoding="utf-8"))]) >= 5


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_a_script_reads_its_command_line_first(script: Path) -> None:
    [fault] = HERE.faults(Command(f"scripts/{script.name} --no-such-option", complete=True))
    assert "does not read" not in fault


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("`scripts/set_up_gcp.py plan`", "there is no scripts/set_up_gcp.py"),
        ("```\n.venv/bin/python scripts/post_batch.py --source DB\n```", "required: --api, --prefix"),
        ("```\nscripts/post_batch.py --source DB --api URL \\\n  --prefix local --auth basic\n```", "invalid choice"),
        ("```\ncd x && python scripts/make_source.py --row 10 | tee log\n```", "unrecognized arguments: --row 10"),
        ("`scripts/set_up_aws.py restart`", "invalid choice: 'restart'"),
        ("```\nAPI=$(scripts/set_up_aws.py status --jason | jq .)\n```", "unrecognized arguments: --jason"),
        ("`scripts/set_up_aws.py destroy --force`", "unrecognized arguments: --force"),
        ("```\nmake demonstrate\n```", "no target demonstrate"),
        ("`make demo ARGS='--people 7'`", "unrecognized arguments: --people 7"),
        ("`make demo ROWS=7`", "make demo has no use for ROWS"),
        ("`make deploy TARGET=production`", "invalid choice: 'production'"),
        ("`make run TARGET=prod JOB=cleanse`", "invalid choice: 'cleanse'"),
        ("`make run JOB=replay ARGS='--params day=2026-01-31'`", "the job replay has no parameter day"),
        ("`databricks bundle run cleanse --target prod`", "invalid choice: 'cleanse'"),
        ("```\ndatabricks bundle run --target prod\n```", "required: job"),
        ("`make deploy TARGET=dev ARGS=--now`", "unrecognized arguments: --now"),
        ("```\nBUNDLE_VAR_bucket=x make deploy\n```", "no variable for BUNDLE_VAR_bucket"),
        ("```bash\nexport BUNDLE_VAR_bucket=x  # the sink's\n```", "no variable for BUNDLE_VAR_bucket"),
    ],
)
def test_a_command_that_cannot_be_run_is_found(text: str, complaint: str) -> None:
    assert complaint in " ".join(faults(text))


@pytest.mark.parametrize(
    "text",
    [
        "The script `scripts/post_batch.py` posts rows.",
        "```python\nmake = 1\n```",
        '```\nmake demo ARGS="--rows 1000"   # smaller\n```',
        "```\nscripts/set_up_aws.py example > aws.toml\n```",
        "`make run TARGET=prod JOB=batch ARGS='--no-wait --params reader=files,prefix=x'`",
    ],
)
def test_what_can_be_run_passes(text: str) -> None:
    assert faults(text) == []
