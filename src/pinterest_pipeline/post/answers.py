"""What the API's answers mean: which records are in, which go again, which never pass, and when to stop."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.records import Record

# The proxy's codes in a record's place. Its documentation says 1 for an error that stays and 2 for one that may pass;
# its error bodies elsewhere count 50002 and 50003 for the same two.
_RETRIABLE_CODES = frozenset({2, 50003})
_TOO_MANY, _REQUEST_TIMEOUT, _SERVER_ERRORS = 429, 408, 500
_CHECK = {
    401: "it asks who you are: check --auth and the credentials or the key",
    403: "it refuses you: check --auth, the permission execute-api:Invoke or the key, and the stage in --api",
    404: "there is no such topic there: check --api with its stage, --prefix, and that the topics are made",
}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_BATCH = frozenset({400, 413, 422})
_LONGEST_WAIT = 300.0
_LONGEST_QUOTE = 200


@dataclass(frozen=True)
class Refusal:
    """A record that can never pass, and why."""

    record: Record
    reason: str


class TryAgainError(Exception):
    """Raised when the same records may pass later.

    Attributes:
        wait: How many seconds the API asked to wait; 0 where it did not.
        maybe_in: Whether the records may be in nevertheless.
    """

    def __init__(self, reason: str, wait: float = 0.0, *, maybe_in: bool = False) -> None:
        """Keep the reason, the wait and whether the records may be in."""
        super().__init__(reason)
        self.wait = wait
        self.maybe_in = maybe_in


class BadBatchError(Exception):
    """Raised when the API refuses a whole request, perhaps for one of its records."""


def read_answer(response: httpx.Response, records: Sequence[Record]) -> tuple[list[Record], list[Refusal]]:
    """Read the answer to a request.

    Returns:
        The records to send again, and those that never pass. All others are in. A record that is in goes again
        behind an earlier one of its key: the last of a key in the topic must stay the last of it in the request.

    Raises:
        TryAgainError: The API is too busy or broken for the moment.
        BadBatchError: The API refuses the request because of what is in it.
        PostError: No request will pass until a person has changed something.
    """
    status = response.status_code
    if status in {_TOO_MANY, _REQUEST_TIMEOUT} or status >= _SERVER_ERRORS:
        raise TryAgainError(
            f"HTTP {status} {_quote(response)}".strip(), _retry_after(response), maybe_in=status != _TOO_MANY
        )
    if status in _BAD_BATCH:
        raise BadBatchError(f"HTTP {status} {_quote(response)}".strip())
    if status != httpx.codes.OK:
        check = _CHECK.get(status, "expected 200: check --api")
        raise PostError(f"{response.url} answered {status}: {check} {_quote(response)}".strip())
    again, never, overtaken = [], [], set[int]()
    for record, (code, error) in zip(records, _results(response, len(records)), strict=True):
        if code in _RETRIABLE_CODES or (not code and record.key in overtaken):
            again.append(record)
            if record.key is not None:
                overtaken.add(record.key)
        elif code:
            never.append(Refusal(record, f"error_code {code}: {error}"))
    return again, never


def read_failure(error: httpx.TransportError) -> TryAgainError:
    """Turn a failed connection into a reason to try again.

    Raises:
        PostError: The server's certificate is not to be trusted, which no second try will change.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise PostError(
                f"the API's certificate cannot be trusted ({cause.verify_message}): check --api, or name the CA's "
                "file in SSL_CERT_FILE"
            ) from error
        cause = cause.__cause__ or cause.__context__
    return TryAgainError(f"{type(error).__name__} {error}".strip(), maybe_in=not isinstance(error, _NEVER_SENT))


def _results(response: httpx.Response, count: int) -> list[tuple[int | None, str]]:
    """Return each record's error code (None where it is in) and error."""
    try:
        results = [(offset["error_code"], str(offset.get("error"))) for offset in response.json()["offsets"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PostError(_strange(response)) from error
    if len(results) != count:
        raise PostError(_strange(response))
    return results


def _strange(response: httpx.Response) -> str:
    return f"{response.url} does not answer as a Kafka REST proxy does: check --api {_quote(response)}".strip()


def _quote(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return f"({text[:_LONGEST_QUOTE]})" if text else ""


def _retry_after(response: httpx.Response) -> float:
    """Read Retry-After, seconds or a date, as seconds from now; 0 where it says nothing usable."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)
