"""What the API's answers mean: which records are in, which go again, which never pass, and when to stop."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.api.route import Refusal, Result, Route
from pinterest_pipeline.post.records import Record

_TOO_MANY, _REQUEST_TIMEOUT, _SERVER_ERRORS = 429, 408, 500
_CHECK = {
    401: "it asks who you are: check --auth and the credentials or the key",
    403: "it refuses you: check --auth, the permission execute-api:Invoke or the key, and the stage in --api",
}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_BATCH = frozenset({400, 413, 422})
_LONGEST_WAIT = 300.0
_LONGEST_QUOTE = 200


@dataclass(frozen=True)
class Answer:
    """What became of a request's records; those that are not named here are in.

    Attributes:
        again: The records to send again, in order.
        never: Those that never pass.
        repeated: How many of `again` may be in already.
        reason: Why the first of `again` is not in.
    """

    again: tuple[Record, ...]
    never: tuple[Refusal, ...]
    repeated: int
    reason: str = ""


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


class StoppedError(PostError):
    """Raised when posting was told to stop before these records were in."""


class BadBatchError(Exception):
    """Raised when the API refuses a whole request, perhaps for one of its records."""


def read_answer(response: httpx.Response, route: Route, records: Sequence[Record]) -> Answer:
    """Read the answer to a request.

    Returns:
        What is not in. A record that is in goes again behind an earlier one of its key: the last of a key in the
        topic or shard must stay the last of it in the request.

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
        if _message(response).startswith(route.beyond):
            raise PostError(f"{response.url} cannot be served, whatever is sent: mend what it names {_quote(response)}")
        raise BadBatchError(f"HTTP {status} {_quote(response)}".strip())
    if status != httpx.codes.OK:
        check = route.missing if status == httpx.codes.NOT_FOUND else _CHECK.get(status, "expected 200: check --api")
        raise PostError(f"{response.url} answered {status}: {check} {_quote(response)}".strip())
    again, never, overtaken = list[Record](), list[Refusal](), set[int]()
    repeated, reason = 0, ""
    for record, result in zip(records, _results(response, route, len(records)), strict=True):
        if result.hopeless:
            raise PostError(
                f"{response.url} refuses the caller or has no such place ({result.error}): check the permissions and "
                f"--prefix. {route.go_on}"
            )
        is_in = not result.error
        if result.again or (is_in and record.key in overtaken):
            reason = reason or result.error
            again.append(record)
            repeated += is_in or result.maybe_in
            if record.key is not None:
                overtaken.add(record.key)
        elif result.error:
            never.append(Refusal(record, result.error))
    return Answer(tuple(again), tuple(never), repeated, reason)


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


def _results(response: httpx.Response, route: Route, count: int) -> list[Result]:
    strange = f"{response.url} does not answer as {route.speaker} does: check --api {_quote(response)}".strip()
    try:
        results = route.results(response.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PostError(strange) from error
    if len(results) != count:
        raise PostError(strange)
    return results


def _message(response: httpx.Response) -> str:
    """Return the answer's message; empty where it has none."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ""


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
