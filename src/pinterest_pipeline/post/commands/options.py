"""The options common to both posting commands."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from pinterest_pipeline.console import EXIT_CODES
from pinterest_pipeline.entities import Names
from pinterest_pipeline.post.api.signing import AuthKind, open_auth
from pinterest_pipeline.post.dead_letters import DeadLetters
from pinterest_pipeline.post.source.connection import without_password
from pinterest_pipeline.post.source.opening import Source, open_source, read_credentials


@dataclass(frozen=True)
class Endpoints:
    """The source of the rows and their destination.

    Attributes:
        names: Names of topics and streams.
        source: The source of the rows, which may be a dead-letter file.
        auth: Authenticates the requests.
    """

    names: Names
    source: Source | DeadLetters
    auth: httpx.Auth | None


def posting_parser(about: str, dead_letters: Path) -> argparse.ArgumentParser:
    """Return a parser with the options for the source, the API and the dead-letter file."""
    parser = argparse.ArgumentParser(
        description=about, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--source",
        default="",
        help="database URL without a password, folder, or dead-letter file (default: SOURCE_DATABASE_URL)",
    )
    parser.add_argument("--api", required=True, help="the API's URL, with its stage")
    parser.add_argument("--prefix", required=True, help="the deployment's id, part of the names of topics and streams")
    parser.add_argument("--credentials-file", type=Path, help="file of NAME=value lines that only you may read")
    parser.add_argument(
        "--auth",
        choices=[*AuthKind],
        default=AuthKind.NONE,
        help="how the API authenticates you (default: %(default)s)",
    )
    parser.add_argument("--region", help="the API's AWS region, if its URL does not contain it")
    parser.add_argument("--insecure-http", action="store_true", help="allow plain http to another machine")
    parser.add_argument("--dead-letters", type=Path, default=dead_letters, help="default: %(default)s")
    return parser


def open_endpoints(options: argparse.Namespace) -> Endpoints:
    """Open the source and the authentication that the options of `posting_parser` name.

    Raises:
        SettingsError: An option cannot be used.
        SourceError: The source cannot be read.
    """
    secrets = {**os.environ, **(read_credentials(options.credentials_file) if options.credentials_file else {})}
    names = Names(options.prefix)
    auth = open_auth(AuthKind(options.auth), options.api, options.region, secrets)
    location = without_password(options.source)
    file = Path(location)
    return Endpoints(names, DeadLetters(file) if file.is_file() else open_source(location, secrets), auth)
