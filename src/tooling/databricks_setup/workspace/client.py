"""The client of the workspace, and its errors as one line that says what to do."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors import NotFound, PermissionDenied, TooManyRequests, Unauthenticated
from databricks.sdk.errors.base import DatabricksError
from requests import RequestException

from pinterest_pipeline.errors import SettingsError
from tooling.databricks_setup.errors import WorkspaceError

_PROBE_SECONDS = 10
_RETRY_SECONDS = 120
_HTTP_SECONDS = 60

_SIGN_IN = "sign in with `databricks auth login`, or set DATABRICKS_HOST and DATABRICKS_TOKEN"
_HINTS: tuple[tuple[type[DatabricksError], str], ...] = (
    (Unauthenticated, f"the token is unknown to the workspace or has expired; {_SIGN_IN}"),
    (PermissionDenied, "request the privilege from an administrator of the metastore or the owner of the object"),
    (NotFound, "check the name that the message gives"),
    (TooManyRequests, "the workspace limits the rate of calls; run this again in a few minutes"),
)


def open_workspace(profile: str | None = None) -> WorkspaceClient:
    """Create the client, for a profile of the Databricks CLI or for the environment.

    Calls that a rate limit rejects are repeated by the SDK, after the time that the workspace asks for.

    Raises:
        SettingsError: There is no such profile, or there is nothing to sign in with.
    """
    # Its warnings are about harmless guesses; errors are raised.
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    try:
        # The SDK first requests the host's metadata and continues without it: that must not take minutes.
        config = Config(profile=profile, http_timeout_seconds=_HTTP_SECONDS, retry_timeout_seconds=_PROBE_SECONDS)
        config.retry_timeout_seconds = _RETRY_SECONDS
        return WorkspaceClient(config=config)
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot sign in to Databricks: {_one_line(error)}; {_SIGN_IN}") from error


@contextmanager
def workspace_says(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into one line.

    Args:
        doing: The action that failed, as the line begins.

    Raises:
        WorkspaceError: The workspace refused or could not be reached.
    """
    try:
        yield
    except DatabricksError as error:
        raise WorkspaceError(f"cannot {doing}: {in_words(error)}") from error
    except TimeoutError as error:
        # The SDK's own, after all retries; its cause is the response to the last one.
        last = error.__cause__
        why = in_words(last) if isinstance(last, DatabricksError) else _one_line(last or error)
        raise WorkspaceError(f"cannot {doing}: given up after {_RETRY_SECONDS} seconds: {why}") from error
    except RequestException as error:
        hint = "check the host and the network"
        raise WorkspaceError(f"cannot {doing}: {_one_line(error)}; {hint}") from error
    except (OSError, ValueError) as error:
        # Raised by the SDK if it cannot renew a token.
        raise WorkspaceError(f"cannot {doing}: {_one_line(error)}; {_SIGN_IN}") from error


def in_words(error: DatabricksError) -> str:
    """Return the workspace's error message on one line, with a hint where there is one."""
    said = _one_line(error) or type(error).__name__
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    return f"{said}; {hint}" if hint else said


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
