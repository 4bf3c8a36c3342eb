"""A scripted API: takes records as a Kafka REST proxy and as Kinesis do, and fails in the ways that a test asks for.

A stand-in, since no emulator fails a part of a request on demand.
"""

import asyncio
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.support.waiting import eventually

CONTENT_TYPES = {"topics": "application/vnd.kafka.json.v2+json", "streams": "application/json"}
Reply = Callable[["Call"], Response | None]
"""Answers a request in the API's place; None lets the API take the records."""


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    topic: str
    """The topic's or the stream's name."""
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return self.path.split("/")[2]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records as a topic takes them; of a stream's, the value is the data's text."""
        content = json.loads(self.body)
        if self.kind == "topics":
            return list(content["records"])
        if self.path.endswith("/record"):
            return [{"key": content["PartitionKey"], "value": content["Data"]}]
        return [{"key": record["partition-key"], "value": record["data"]} for record in content["records"]]


@dataclass
class FakeApi:
    """The received calls, and the next replies: first the script's, then always `otherwise`.

    The answers wait `slow`'s seconds in turn, then always `delay`.
    """

    place: str
    stage: str
    script: deque[Reply] = field(default_factory=deque)
    otherwise: Reply = field(default=lambda _: None)
    slow: deque[float] = field(default_factory=deque)
    delay: float = 0.0
    calls: list[Call] = field(default_factory=list)
    taken: list[tuple[str, Any, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL with the stage."""
        return f"{self.place}{self.stage}"

    def keys(self, topic: str) -> Counter[Any]:
        return Counter(key for name, key, _ in self.taken if name == topic)

    def values(self, topic: str) -> list[Any]:
        return [value for name, _, value in self.taken if name == topic]

    def take(self, call: Call) -> Response:
        """Take all records of a request."""
        return self.take_some(call, lambda _: None)

    def take_some(self, call: Call, error: Callable[[dict[str, Any]], int | str | None]) -> Response:
        """Take the records for which `error` has no code, and answer the codes of the others."""
        codes = []
        for record in call.records:
            codes.append(error(record))
            if codes[-1] is None:
                self.taken.append((call.topic, record.get("key"), record["value"]))
        return JSONResponse(_offsets(codes) if call.kind == "topics" else _places(call, codes))

    async def answer(self, request: Request) -> Response:
        call = Call(request.path_params["topic"], request.url.path, dict(request.headers), await request.body())
        self.calls.append(call)
        if call.headers["content-type"] != CONTENT_TYPES[call.kind]:
            return status(415)(call)
        await asyncio.sleep(self.slow.popleft() if self.slow else self.delay)
        reply = self.script.popleft() if self.script else self.otherwise
        return reply(call) or self.take(call)


def _offsets(codes: list[int | str | None]) -> dict[str, Any]:
    offsets = [{"partition": 0, "offset": 0, "error_code": code, "error": code and "scripted"} for code in codes]
    return {"offsets": offsets, "key_schema_id": None, "value_schema_id": None}


def _places(call: Call, codes: list[int | str | None]) -> dict[str, Any]:
    places = [
        {"ErrorCode": code, "ErrorMessage": "scripted"} if code else {"ShardId": "0", "SequenceNumber": "1"}
        for code in codes
    ]
    if call.path.endswith("/record"):
        return places[0]
    return {"FailedRecordCount": sum(code is not None for code in codes), "Records": places}


def status(code: int, **headers: str) -> Callable[[Call], Response]:
    """Make a reply of this status."""
    return lambda _: PlainTextResponse(
        f"scripted {code}", code, {name.replace("_", "-"): h for name, h in headers.items()}
    )


@contextmanager
def fake_api(certificates: Path | None = None) -> Iterator[FakeApi]:
    """Serve a fake API on a free port of this machine; by https where a folder has server.crt and server.key."""
    with fake_apis(certificates) as new:
        yield new()


@contextmanager
def fake_apis(certificates: Path | None = None) -> Iterator[Callable[[], FakeApi]]:
    """Serve as many fake APIs as are asked for on one port, each as a stage of its own."""
    apis: dict[str, FakeApi] = {}

    async def answer(request: Request) -> Response:
        return await apis[request.path_params["stage"]].answer(request)

    routes = [Route("/{stage}/topics/{topic}", answer, methods=["POST"])]
    routes += [Route(f"/{{stage}}/streams/{{topic}}/{end}", answer, methods=["PUT"]) for end in ("record", "records")]
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="warning", lifespan="off")
    if certificates:
        config.ssl_certfile, config.ssl_keyfile = str(certificates / "server.crt"), str(certificates / "server.key")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    place = f"https://localhost:{port}" if certificates else f"http://127.0.0.1:{port}"

    def new() -> FakeApi:
        api = FakeApi(place, f"/stage{len(apis)}")
        apis[api.stage.removeprefix("/")] = api
        return api

    try:
        yield new
    finally:
        server.should_exit = True
        thread.join()
