from pathlib import Path

import pytest

from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.api.client import ApiClient, Pace
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.records import Record
from tests.support.authority import write_certificates
from tests.support.fake_api import fake_api

RECORDS = [Record(33, '{"index":33}', 33)]


def test_an_api_whose_authority_is_named_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_certificates(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))

    with fake_api(tmp_path) as api, ApiClient(api.url, Pace()) as client:
        assert client.post(TopicRoute("abc123.pin"), RECORDS).posted == 1


@pytest.mark.parametrize(("host", "reason"), [("localhost", "issuer"), ("other.example", "not valid for 'localhost'")])
def test_an_api_that_is_not_to_be_trusted_is_refused_at_the_first_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, reason: str
) -> None:
    write_certificates(tmp_path, host)
    if host != "localhost":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))

    with fake_api(tmp_path) as api, ApiClient(api.url, Pace(tries=1_000_000)) as client:
        with pytest.raises(PostError, match=f"is not trusted.*{reason}"):
            client.post(TopicRoute("abc123.pin"), RECORDS)
        assert api.calls == []
