"""What both posting scripts take on their command lines, and what they make of it."""

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
class Ends:
    """Where rows come from and where they go.

    Attributes:
        names: Names of topics and streams.
        source: Where the rows come from, which may be a dead-letter file.
        auth: Proves the caller to the API.
    """

    names: Names
    source: Source | DeadLetters
    auth: httpx.Auth | None


def posting_parser(about: str, dead_letters: Path) -> argparse.ArgumentParser:
    """Make a parser with the options that name both ends and the dead-letter file."""
    parser = argparse.ArgumentParser(
        description=about, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--source",
        default="",
        help="database URL without a password, folder, or dead-letter file (default: SOURCE_DATABASE_URL)",
    )
    parser.add_argument("--api", required=True, help="the API's URL, with its stage")
    parser.add_argument(
        "--prefix", required=True, help="what names of topics and streams are made from: the deployment's id"
    )
    parser.add_argument("--credentials-file", type=Path, help="file of NAME=value lines that only you may read")
    parser.add_argument("--auth", choices=[*AuthKind], default=AuthKind.NONE, help="how the API knows you")
    parser.add_argument("--region", help="the API's AWS region, where its URL does not tell")
    parser.add_argument("--insecure-http", action="store_true", help="allow plain http to another machine")
    parser.add_argument("--dead-letters", type=Path, default=dead_letters, help="default: %(default)s")
    return parser


def open_ends(options: argparse.Namespace) -> Ends:
    """Open what the options of `posting_parser` name.

    Raises:
        SettingsError: An option cannot be used.
        SourceError: The source cannot be read.
    """
    secrets = {**os.environ, **(read_credentials(options.credentials_file) if options.credentials_file else {})}
    names = Names(options.prefix)
    auth = open_auth(AuthKind(options.auth), options.api, options.region, secrets)
    location = without_password(options.source)
    file = Path(location)
    return Ends(names, DeadLetters(file) if file.is_file() else open_source(location, secrets), auth)
