"""Connects to a source database through a forwarded port, with TLS verified for the database's own name.

A tunnel (port forwarding by Session Manager or SSH) listens on this machine, but the database's certificate has its own
name. So the URL names the database, the tunnel is a setting, and progress is the same with and without it.
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
"""Setting: host:port of a tunnel to the database."""

_SECONDS = 10


def through_tunnel(engine: Engine, settings: Mapping[str, str]) -> Engine:
    """Make an engine connect through the tunnel of the settings, if there is one; TLS is verified for the URL's host.

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
            f"cannot connect to {address[0]}:{address[1]}, the tunnel to the database in {TUNNEL}: "
            f"{error}; start the port forwarding first"
        ) from error
