"""Interprets the API's responses: which records were accepted, which to retry, which are refused, when to stop."""

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
    401: "authentication failed: check --auth and the credentials or the key",
    403: "access denied: check --auth, the permission execute-api:Invoke or the key, and the stage in --api",
}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_BATCH = frozenset({400, 413, 422})
_LONGEST_WAIT = 300.0
_LONGEST_QUOTE = 200


@dataclass(frozen=True)
class Answer:
    """The outcome of one request; records not named here were accepted.

    Attributes:
        retry: The records to send again, in order.
        refused: The refused records.
        repeated: How many of `retry` may be written already.
        reason: The error of the first record of `retry`.
    """

    retry: tuple[Record, ...]
    refused: tuple[Refusal, ...]
    repeated: int
    reason: str = ""


class RetryableError(Exception):
    """Raised when the request can be retried.

    Attributes:
        wait: The Retry-After of the response, in seconds; 0 without one.
        maybe_written: Whether the records may be written nevertheless.
    """

    def __init__(self, reason: str, wait: float = 0.0, *, maybe_written: bool = False) -> None:
        """Keep the reason, the wait and whether the records may be written."""
        super().__init__(reason)
        self.wait = wait
        self.maybe_written = maybe_written


class StoppedError(PostError):
    """Raised when posting was stopped before the records were accepted."""


class RequestRefusedError(Exception):
    """Raised when the API refuses a whole request, possibly because of one record."""


def read_answer(response: httpx.Response, route: Route, records: Sequence[Record]) -> Answer:
    """Interpret the response to a request.

    Returns:
        The records that were not accepted. An accepted record is sent again after a retried one of its key: the last
        record of a key in the request must stay the last of it in the topic or shard.

    Raises:
        RetryableError: The API is busy or failed temporarily.
        RequestRefusedError: The API refuses the content of the request.
        PostError: Every request will fail until the cause is removed.
    """
    status = response.status_code
    if status in {_TOO_MANY, _REQUEST_TIMEOUT} or status >= _SERVER_ERRORS:
        raise RetryableError(
            f"HTTP {status} {_quote(response)}".strip(), _retry_after(response), maybe_written=status != _TOO_MANY
        )
    if status in _BAD_BATCH:
        if _message(response).startswith(route.service_errors):
            raise PostError(f"{response.url} fails for every request: fix the cause that it names {_quote(response)}")
        raise RequestRefusedError(f"HTTP {status} {_quote(response)}".strip())
    if status != httpx.codes.OK:
        check = route.missing if status == httpx.codes.NOT_FOUND else _CHECK.get(status, "expected 200: check --api")
        raise PostError(f"{response.url} answered {status}: {check} {_quote(response)}".strip())
    retry, refused, retried_keys = list[Record](), list[Refusal](), set[int]()
    repeated, reason = 0, ""
    for record, result in zip(records, _results(response, route, len(records)), strict=True):
        if result.fatal:
            raise PostError(
                f"{response.url} refuses the caller or has no such topic or stream ({result.error}): check the "
                f"permissions and --prefix. {route.resume_hint}"
            )
        accepted = not result.error
        if result.retry or (accepted and record.key in retried_keys):
            reason = reason or result.error
            retry.append(record)
            repeated += accepted or result.maybe_written
            if record.key is not None:
                retried_keys.add(record.key)
        elif result.error:
            refused.append(Refusal(record, result.error))
    return Answer(tuple(retry), tuple(refused), repeated, reason)


def read_failure(error: httpx.TransportError) -> RetryableError:
    """Turn a failed connection into a retryable error.

    Raises:
        PostError: The server's certificate is not trusted, which no retry will change.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise PostError(
                f"the API's certificate is not trusted ({cause.verify_message}): check --api, or name the CA's "
                "file in SSL_CERT_FILE"
            ) from error
        cause = cause.__cause__ or cause.__context__
    return RetryableError(f"{type(error).__name__} {error}".strip(), maybe_written=not isinstance(error, _NEVER_SENT))


def _results(response: httpx.Response, route: Route, count: int) -> list[Result]:
    unexpected = f"{response.url} did not answer like {route.peer_name}: check --api {_quote(response)}".strip()
    try:
        results = route.results(response.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PostError(unexpected) from error
    if len(results) != count:
        raise PostError(unexpected)
    return results


def _message(response: httpx.Response) -> str:
    """Return the response's message; empty if it has none."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _quote(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return f"({text[:_LONGEST_QUOTE]})" if text else ""


def _retry_after(response: httpx.Response) -> float:
    """Return Retry-After, seconds or a date, as seconds from now; 0 if it is missing or invalid."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)
