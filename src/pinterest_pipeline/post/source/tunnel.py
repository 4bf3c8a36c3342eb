"""A source database that is reached through a forwarded port, and trusted under its own name.

A tunnel (Session Manager's port forwarding, or SSH's) listens on this machine, and the database that answers has a
certificate for its own name. So the URL names the database, the tunnel is a setting, and progress is the same with it
and without.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pymysql
import sqlalchemy

from pinterest_pipeline.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

TUNNEL = "SOURCE_DATABASE_TUNNEL"
"""Setting: where a tunnel to the database listens, host:port."""

_SECONDS = 10


def through_tunnel(engine: Engine, settings: Mapping[str, str]) -> Engine:
    """Have an engine connect through a tunnel where the settings name one; TLS stays verified under the URL's host.

    Raises:
        SettingsError: The setting is not host:port, or the engine's driver cannot be given another address.
    """
    place = settings.get(TUNNEL)
    if not place:
        return engine
    host, colon, port = place.rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise SettingsError(f"{TUNNEL} must be host:port, such as 127.0.0.1:13306; got {place!r}")
    address = host.strip("[]"), int(port)
    if engine.driver != "pymysql":
        raise SettingsError(f"{TUNNEL} works with mysql+pymysql; the source uses {engine.driver}")
    sqlalchemy.event.listen(engine, "do_connect", lambda *given: _connected(address, given[3]))
    return engine


def _connected(address: tuple[str, int], arguments: Mapping[str, Any]) -> pymysql.Connection[Any]:
    connection: pymysql.Connection[Any] = pymysql.connect(**{**arguments, "defer_connect": True})
    connection.connect(_open(address))
    return connection


def _open(address: tuple[str, int]) -> socket.socket:
    try:
        return socket.create_connection(address, _SECONDS)
    except OSError as error:
        raise SourceError(
            f"nothing answers at {address[0]}:{address[1]}, where {TUNNEL} says that a tunnel to the database listens: "
            f"{error}; start the port forwarding first"
        ) from error
