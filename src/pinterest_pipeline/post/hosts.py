"""Detects hosts that are this machine, the only ones allowed without TLS by default."""

import ipaddress


def is_local(host: str | None) -> bool:
    """Return whether the host is this machine: localhost, a loopback address, a socket's path, or empty."""
    if not host or host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
