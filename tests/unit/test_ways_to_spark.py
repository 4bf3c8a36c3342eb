"""`pytest --spark=workspace`: one line where the way that was chosen leads nowhere."""

from types import SimpleNamespace

import pytest

from tests.support import workspace


def configured(monkeypatch: pytest.MonkeyPatch, *, host: bool = True, compute: str | None = None) -> None:
    """Let the SDK find this in the person's environment."""

    def config(**_: int) -> SimpleNamespace:
        if not host:
            raise ValueError("default auth: cannot configure default credentials, please check ...")
        return SimpleNamespace(cluster_id=None, serverless_compute_id=compute)

    monkeypatch.setattr(workspace, "find_spec", lambda _: True)
    monkeypatch.setattr(workspace, "import_module", lambda _: SimpleNamespace(Config=config))


def test_databricks_connect_has_an_environment_of_its_own() -> None:
    assert workspace.lacking_of_a_workspace().endswith("run `make test-workspace`")


def test_without_a_workspace_one_line_says_how_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch, host=False)
    assert workspace.lacking_of_a_workspace().startswith("no workspace is configured; run `databricks auth login`")


def test_without_compute_one_line_says_how_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch)
    assert workspace.lacking_of_a_workspace().startswith("no compute is configured; set DATABRICKS_CLUSTER_ID")


def test_with_both_nothing_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch, compute="auto")
    assert workspace.lacking_of_a_workspace() == ""
