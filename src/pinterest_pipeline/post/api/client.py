"""The HTTP client: sends records to a route until each one is accepted or refused."""

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

from pinterest_pipeline import kinesis_limits
from pinterest_pipeline.errors import PostError, SettingsError
from pinterest_pipeline.post.api.payloads import MAX_BODY_BYTES, pack
from pinterest_pipeline.post.api.responses import (
    RequestRefusedError,
    RetryableError,
    StoppedError,
    read_answer,
    read_failure,
)
from pinterest_pipeline.post.api.route import Refusal, Route
from pinterest_pipeline.post.hosts import is_local
from pinterest_pipeline.post.records import Record

_log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 64
"""More requests do not make one client faster, and API Gateway would throttle it."""

MAX_REFUSED_IN_A_ROW = 50
"""After this many refused records in a row posting stops: the fault is the API's, not the records'."""

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of posting records.

    Attributes:
        posted: The number of accepted records.
        refused: The refused records.
        repeated: The number of records sent again though they may have been written: an upper bound of duplicates.
        answered: The latency of each request, in seconds.
    """

    posted: int
    refused: tuple[Refusal, ...]
    repeated: int = 0
    answered: tuple[float, ...] = ()

    def __add__(self, other: Self) -> "Outcome":
        """Return the sum of two outcomes."""
        return Outcome(
            self.posted + other.posted,
            self.refused + other.refused,
            self.repeated + other.repeated,
            self.answered + other.answered,
        )


@dataclass(frozen=True)
class Pace:
    """Limits of requests and retries.

    Attributes:
        records_per_request: Maximum records per request.
        max_bytes: Maximum size of a request's body.
        in_flight: Number of concurrent requests.
        answer_within: Timeout of a response, in seconds. API Gateway's own timeout for its backend is 29.
        tries: Number of attempts per request before posting stops.
        first_wait: Seconds; the first wait is a random part of it, each next one of twice as much.
        longest_wait: Seconds; the upper bound of the random waits. Retry-After is added to it.
    """

    records_per_request: int = kinesis_limits.MAX_RECORDS
    max_bytes: int = MAX_BODY_BYTES
    in_flight: int = 4
    answer_within: float = 30.0
    tries: int = 8
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def __post_init__(self) -> None:
        """Validate the numbers.

        Raises:
            SettingsError: A number is out of range.
        """
        if self.records_per_request < 1:
            raise SettingsError(f"records per request must be 1 or more; got {self.records_per_request}")
        if not 1 <= self.in_flight <= MAX_IN_FLIGHT:
            raise SettingsError(f"requests in flight must be 1 to {MAX_IN_FLIGHT}; got {self.in_flight}")


class ApiClient:
    """Posts to an API's topics and streams over persistent connections; thread-safe.

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
        """Check the API's address and create the connection pool; nothing is sent yet.

        Args:
            api: The API's URL, with its stage.
            pace: Limits of requests and retries.
            auth: Authenticates the requests.
            insecure_http: Whether plain http to another machine is allowed.
            sleep: Waits some seconds before a retry; by default until `stop` at the latest.

        Raises:
            SettingsError: The address is no http(s) URL, or is plain http to another machine.
        """
        self.url = check_api(api, insecure_http=insecure_http)
        self._pace = pace
        self._stopped = Event()
        self._retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
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
        """Stop waits, retries and new requests in all threads; running requests finish."""
        self._stopped.set()

    def post(self, route: Route, records: Sequence[Record]) -> Outcome:
        """Send records to a route until each is accepted or refused.

        Raises:
            StoppedError: `stop` was called before that.
            PostError: The API refuses every request, or still fails after the last attempt.
        """
        packing = pack(records, route, self._pace.records_per_request, self._pace.max_bytes)
        outcome = Outcome(0, packing.refused)
        for request in packing.requests:
            outcome += self._deliver(route, request)
        return outcome

    def _deliver(self, route: Route, records: Sequence[Record]) -> Outcome:
        waiting, outcome = tuple(records), Outcome(0, ())

        def attempt() -> None:
            nonlocal waiting, outcome
            if self._stopped.is_set():
                raise StoppedError(f"posting was stopped. {route.resume_hint}")
            try:
                response = self._request(route, waiting)
                outcome += Outcome(0, (), answered=(response.elapsed.total_seconds(),))
                answer = read_answer(response, route, waiting)
            except RetryableError as error:
                outcome += Outcome(0, (), len(waiting) if error.maybe_written else 0)
                raise
            posted = len(waiting) - len(answer.retry) - len(answer.refused)
            outcome += Outcome(posted, answer.refused, answer.repeated)
            waiting = answer.retry
            if waiting:
                raise RetryableError(f"{len(waiting)} of {len(records)} records failed temporarily: {answer.reason}")

        try:
            self._retrying(attempt)
        except RetryableError as error:
            if self._stopped.is_set():
                raise StoppedError(f"posting was stopped. {route.resume_hint}") from error
            raise PostError(
                f"the API at {self.url} still fails on {route.name}: {error}. {route.resume_hint}"
            ) from error
        except RequestRefusedError as error:
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
            raise PostError(f"{self.url} did not answer like {route.peer_name}: check --api ({error})") from error


def check_api(api: str, *, insecure_http: bool = False) -> httpx.URL:
    """Return the API's URL without a trailing slash.

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
            # A proxy from the environment is for other machines.
            trust_env=not local,
        )
    except OSError as error:
        raise SettingsError(
            f"SSL_CERT_FILE or SSL_CERT_DIR names no certificates ({error.strerror or error}): correct or unset it"
        ) from error
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # The message repeats neither the address nor the error: a proxy's may contain a password.
        raise SettingsError(
            "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) cannot be used: it must be an "
            "http:// or https:// address; correct it, unset it, or add the API's host to NO_PROXY"
        ) from error


class _Wait(wait_base):
    """Waits as long as Retry-After asks, plus exponential backoff with jitter."""

    def __init__(self, backoff: wait_base) -> None:
        self._backoff = backoff

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome and retry_state.outcome.exception()
        asked = error.wait if isinstance(error, RetryableError) else 0.0
        return asked + self._backoff(retry_state)


def _log_retry(state: RetryCallState) -> None:
    reason = state.outcome and state.outcome.exception()
    _log.warning("%s; try %d follows in %.1f s", reason, state.attempt_number + 1, state.upcoming_sleep)
