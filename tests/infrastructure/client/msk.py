"""A stand-in for an MSK broker's listener: TLS and Kafka's protocol up to the IAM authentication, verified and refused.

It speaks as much as any client needs to sign in: which requests it knows, which mechanism, and one authentication. The
signature is checked by AWS's own implementation of Signature Version 4 in Python. What a real broker would then look up
are the role's rights; here everybody is refused, in words that a test can look for.
"""

import json
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests.support.authority import write_certificates

HOST = "localhost"
REFUSAL = "the stand-in lets nobody in"
OPENS_TRUST = "a list of authorities is no secret, but Java wants a password for it"

_API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 18, 17, 36
# Of each request the newest version it understands.
_KNOWN = {_API_VERSIONS: 2, _SASL_HANDSHAKE: 1, _SASL_AUTHENTICATE: 1}
_UNSUPPORTED_VERSION, _SASL_AUTHENTICATION_FAILED = 35, 58


@dataclass
class Door:
    """What clients sent.

    Attributes:
        port: Where they connect.
        trust: The authorities that a client must trust, as Java reads them.
        mechanisms: The mechanisms they asked for.
        clients: The names they gave themselves.
        sign_ins: What they signed in with.
    """

    port: int
    trust: Path
    mechanisms: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    sign_ins: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def msk_door(folder: Path) -> Iterator[Door]:
    """Open the door; its certificates are written into the folder."""
    write_certificates(folder, HOST)
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    trust = folder / "trust.p12"
    password = BestAvailableEncryption(OPENS_TRUST.encode())
    trust.write_bytes(pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority, b"ca")], password))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(listener.getsockname()[1], trust)
        thread = Thread(target=_accept, args=(listener, context, door))
        thread.start()
        try:
            yield door
        finally:
            # Wakes up who waits for the next client.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def is_signed(sign_in: dict[str, str], credentials: Credentials, region: str) -> bool:
    """Say whether the sign-in is signed with these credentials, for Kafka in the region."""
    names = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token"}
    query = {"Action": sign_in["action"], "X-Amz-SignedHeaders": sign_in["x-amz-signedheaders"]}
    query |= {"-".join(part.title() for part in name.split("-")): sign_in[name] for name in names & set(sign_in)}
    request = AWSRequest("GET", f"https://{sign_in['host']}/?{urlencode(query, quote_via=quote)}")
    request.context["timestamp"] = sign_in["x-amz-date"]
    signer = SigV4QueryAuth(credentials, "kafka-cluster", region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return bool(signer.signature(text, request) == sign_in["x-amz-signature"])


def _accept(listener: socket.socket, context: ssl.SSLContext, door: Door) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        # A client that does not trust the certificate, or is done, closes the connection.
        try:
            with context.wrap_socket(connection, server_side=True) as client:
                _serve(client, door)
        except (OSError, EOFError):
            continue


def _serve(client: ssl.SSLSocket, door: Door) -> None:
    while True:
        (size,) = struct.unpack(">i", _exactly(client, 4))
        request = _exactly(client, size)
        key, version, correlation, length = struct.unpack_from(">hhih", request)
        # Newer requests go on otherwise behind the client's name, but are answered before that is read.
        name, body = request[10 : 10 + max(length, 0)].decode(), request[10 + max(length, 0) :]
        door.clients.append(name)
        answer = struct.pack(">i", correlation) + _answer(key, version, body, door)
        client.sendall(struct.pack(">i", len(answer)) + answer)


def _answer(key: int, version: int, body: bytes, door: Door) -> bytes:
    if key == _API_VERSIONS:
        known = struct.pack(">i", len(_KNOWN)) + b"".join(struct.pack(">hhh", api, 0, _KNOWN[api]) for api in _KNOWN)
        if version > _KNOWN[key]:
            return struct.pack(">h", _UNSUPPORTED_VERSION) + known
        return struct.pack(">h", 0) + known + (struct.pack(">i", 0) if version else b"")
    if key == _SASL_HANDSHAKE:
        door.mechanisms.append(body[2:].decode())
        return struct.pack(">hi", 0, 1) + _text("AWS_MSK_IAM")
    door.sign_ins.append(json.loads(body[4:]))
    refused = struct.pack(">h", _SASL_AUTHENTICATION_FAILED) + _text(REFUSAL) + struct.pack(">i", 0)
    return refused + (struct.pack(">q", 0) if version else b"")


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _exactly(client: ssl.SSLSocket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        more = client.recv(size - len(content))
        if not more:
            raise EOFError
        content += more
    return content
