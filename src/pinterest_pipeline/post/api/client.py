"""The HTTP client: sends records along a route until each one is in or known never to pass."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from types import TracebackType
from typing import Self

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
)
from tenacity.wait import wait_base, wait_random_exponential

from pinterest_pipeline.errors import PostError, SettingsError
from pinterest_pipeline.post.api.payloads import MOST_BYTES, pack
from pinterest_pipeline.post.api.responses import BadBatchError, StoppedError, TryAgainError, read_answer, read_failure
from pinterest_pipeline.post.api.route import Refusal, Route
from pinterest_pipeline.post.hosts import is_local
from pinterest_pipeline.post.records import Record

_log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 64
"""More does not make one client faster, and API Gateway would throttle it."""

HOPELESS = 50
"""So many records in a row, all refused, say that the API is wrong and not the records."""

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of some records.

    Attributes:
        posted: How many are in.
        refused: Which never pass.
        repeated: How many were sent again though they may have been in: no more than these are in twice.
        answered: Seconds that each request waited for its answer.
    """

    posted: int
    refused: tuple[Refusal, ...]
    repeated: int = 0
    answered: tuple[float, ...] = ()

    def __add__(self, other: Self) -> "Outcome":
        """Return what became of both."""
        return Outcome(
            self.posted + other.posted,
            self.refused + other.refused,
            self.repeated + other.repeated,
            self.answered + other.answered,
        )


@dataclass(frozen=True)
class Pace:
    """How much is sent at once, and how long to go on against an API that fails.

    Attributes:
        records_per_request: How many records a request carries at most.
        most_bytes: How large a request's body may be.
        in_flight: How many requests wait for their answers at once.
        answer_within: Seconds to wait for an answer. API Gateway gives up on what is behind it after 29.
        tries: How often one request is sent before posting stops.
        first_wait: Seconds; the first wait is a random part of it, each next one of twice as much.
        longest_wait: Seconds; no wait is a random part of more. A Retry-After comes on top.
    """

    records_per_request: int = 500
    most_bytes: int = MOST_BYTES
    in_flight: int = 4
    answer_within: float = 30.0
    tries: int = 8
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def __post_init__(self) -> None:
        """Check the numbers that a person gives.

        Raises:
            SettingsError: A number makes no sense.
        """
        if self.records_per_request < 1:
            raise SettingsError(f"records per request must be 1 or more; got {self.records_per_request}")
        if not 1 <= self.in_flight <= MOST_IN_FLIGHT:
            raise SettingsError(f"requests in flight must be 1 to {MOST_IN_FLIGHT}; got {self.in_flight}")


class ApiClient:
    """Posts to an API's topics and streams over connections that stay open; safe to use from several threads.

    Attributes:
        url: The API's address.
    """

    def __init__(
        self,
        api: str,
        pace: Pace,
        *,
        auth: httpx.Auth | None = None,
        insecure_http: bool = False,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """Check the API's address and make the connection pool; nothing is sent yet.

        Args:
            api: The API's URL, with its stage.
            pace: How much at once and how patiently.
            auth: Proves the caller to the API.
            insecure_http: Whether plain http may go to another machine.
            sleep: Waits some seconds before the next try; by default until `stop` at the latest.

        Raises:
            SettingsError: The address is no http(s) URL, or is plain http to another machine.
        """
        self.url = check_api(api, insecure_http=insecure_http)
        self._pace = pace
        self._stopped = Event()
        self._retrying = Retrying(
            retry=retry_if_exception_type(TryAgainError),
            stop=stop_after_attempt(pace.tries) | stop_when_event_set(self._stopped),
            wait=_Wait(wait_random_exponential(pace.first_wait, pace.longest_wait)),
            sleep=sleep or sleep_using_event(self._stopped),
            before_sleep=_log_retry,
            reraise=True,
        )
        self._http = _connections(pace, auth, local=is_local(self.url.host))

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def stop(self) -> None:
        """Let no thread wait, try again or begin a request; those under way come to their end."""
        self._stopped.set()

    def post(self, route: Route, records: Sequence[Record]) -> Outcome:
        """Send records along a route until each is in or refused for good.

        Raises:
            StoppedError: `stop` was called before that.
            PostError: The API refuses every request, or still fails after the last try.
        """
        packing = pack(records, route, self._pace.records_per_request, self._pace.most_bytes)
        outcome = Outcome(0, packing.refused)
        for request in packing.requests:
            outcome += self._deliver(route, request)
        return outcome

    def _deliver(self, route: Route, records: Sequence[Record]) -> Outcome:
        waiting, outcome = tuple(records), Outcome(0, ())

        def attempt() -> None:
            nonlocal waiting, outcome
            if self._stopped.is_set():
                raise StoppedError(f"posting was stopped. {route.go_on}")
            try:
                response = self._request(route, waiting)
                outcome += Outcome(0, (), answered=(response.elapsed.total_seconds(),))
                answer = read_answer(response, route, waiting)
            except TryAgainError as error:
                outcome += Outcome(0, (), len(waiting) if error.maybe_in else 0)
                raise
            posted = len(waiting) - len(answer.again) - len(answer.never)
            outcome += Outcome(posted, answer.never, answer.repeated)
            waiting = answer.again
            if waiting:
                raise TryAgainError(f"{len(waiting)} of {len(records)} records failed for the moment: {answer.reason}")

        try:
            self._retrying(attempt)
        except TryAgainError as error:
            if self._stopped.is_set():
                raise StoppedError(f"posting was stopped. {route.go_on}") from error
            raise PostError(f"the API at {self.url} still fails on {route.name}: {error}. {route.go_on}") from error
        except BadBatchError as error:
            return outcome + self._halve(route, waiting, str(error))
        return outcome

    def _halve(self, route: Route, records: Sequence[Record], reason: str) -> Outcome:
        if len(records) == 1:
            return Outcome(0, (Refusal(records[0], reason),))
        half = len(records) // 2
        return self._deliver(route, records[:half]) + self._deliver(route, records[half:])

    def _request(self, route: Route, records: Sequence[Record]) -> httpx.Response:
        try:
            return self._http.request(
                route.method, f"{self.url}{route.path}", content=route.body(records), headers=route.headers
            )
        except httpx.TransportError as error:
            raise read_failure(error) from error
        except httpx.RequestError as error:
            raise PostError(f"{self.url} does not answer as {route.speaker} does: check --api ({error})") from error


def check_api(api: str, *, insecure_http: bool = False) -> httpx.URL:
    """Return the API's address without its last slash.

    Raises:
        SettingsError: It is no http(s) URL, or is plain http to another machine without `insecure_http`.
    """
    try:
        url = httpx.URL(api.rstrip("/"))
    except httpx.InvalidURL as error:
        raise SettingsError(f"the API must be a URL; {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query or url.fragment:
        raise SettingsError(
            "the API must be a URL such as https://abc123.execute-api.eu-west-1.amazonaws.com/prod, "
            "without user, password or query"
        )
    if url.scheme == "http" and not insecure_http and not is_local(url.host):
        raise SettingsError(
            f"http://{url.host} would carry every row readable; use https, or --insecure-http inside a private network"
        )
    return url


def _connections(pace: Pace, auth: httpx.Auth | None, *, local: bool) -> httpx.Client:
    try:
        return httpx.Client(
            auth=auth,
            timeout=httpx.Timeout(pace.answer_within, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=pace.in_flight, max_keepalive_connections=pace.in_flight),
            # Trusts what SSL_CERT_FILE names, else the usual authorities.
            verify=httpx.create_ssl_context(),
            # A proxy from the environment is for other machines: this one is reached without.
            trust_env=not local,
        )
    except OSError as error:
        raise SettingsError(
            f"SSL_CERT_FILE or SSL_CERT_DIR names no certificates ({error.strerror or error}): mend or unset it"
        ) from error
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # Neither the address nor the error is repeated: a proxy's may hold a password.
        raise SettingsError(
            "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) cannot be used: it must be an "
            "http:// or https:// address; mend it, unset it, or add the API's host to NO_PROXY"
        ) from error


class _Wait(wait_base):
    """Waits as long as the API asked for, and a random part of a growing time on top so that callers spread."""

    def __init__(self, backoff: wait_base) -> None:
        self._backoff = backoff

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome and retry_state.outcome.exception()
        asked = error.wait if isinstance(error, TryAgainError) else 0.0
        return asked + self._backoff(retry_state)


def _log_retry(state: RetryCallState) -> None:
    reason = state.outcome and state.outcome.exception()
    _log.warning("%s; try %d follows in %.1f s", reason, state.attempt_number + 1, state.upcoming_sleep)
