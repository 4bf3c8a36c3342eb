"""The REST proxy over a real broker."""

from threading import Timer

import httpx
import psutil

from tests.support.kafka import numbered, post
from tooling.local_cloud.cloud import LocalCloud
from tooling.local_cloud.kafka.rest_requests import PRODUCE_TYPE

PARTITIONS = 3


def murmur2(data: bytes) -> int:
    """Hash as Kafka's Java client does."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def test_the_hash_of_this_test_is_kafkas() -> None:
    published = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    assert {key: murmur2(key) for key in published} == {key: value % 2**32 for key, value in published.items()}


def test_a_key_lands_on_the_partition_that_every_kafka_client_gives_it(local_cloud: LocalCloud, topic: str) -> None:
    offsets = post(local_cloud.rest_proxy_url, topic, numbered(range(50)))
    expected = [(murmur2(str(key).encode()) & 0x7FFFFFFF) % PARTITIONS for key in range(50)]
    assert [offset["partition"] for offset in offsets] == expected


def test_records_without_a_key_are_taken(local_cloud: LocalCloud, topic: str) -> None:
    offsets = post(local_cloud.rest_proxy_url, topic, [{"value": 1}, {"value": 2}])
    assert [offset["error_code"] for offset in offsets] == [None, None]
    assert local_cloud.records_in_kafka(topic) == 2


def test_an_unknown_topic_is_404(local_cloud: LocalCloud) -> None:
    for url in (local_cloud.rest_proxy_url, local_cloud.api_url):
        answer = httpx.post(
            f"{url}/topics/test.none", json={"records": [{"value": 1}]}, headers={"Content-Type": PRODUCE_TYPE}
        )
        assert (answer.status_code, answer.json()) == (404, {"error_code": 40401, "message": "Topic not found."})


def test_a_record_too_large_fails_alone_and_for_good(local_cloud: LocalCloud, topic: str) -> None:
    values: list[object] = [1, "x" * 2**21, 3]
    first, second, third = post(local_cloud.api_url, topic, [{"value": value} for value in values])
    assert (first["error_code"], third["error_code"]) == (None, None)
    assert (second["partition"], second["offset"], second["error_code"]) == (None, None, 50002)
    assert second["error"]


def test_a_partition_of_a_records_or_requests_own_choice_gets_it(local_cloud: LocalCloud, topic: str) -> None:
    offsets = post(local_cloud.api_url, topic, [{"value": 1, "partition": 2}, {"value": 2, "partition": 7}])
    offsets += post(local_cloud.api_url, f"{topic}/partitions/1", [{"value": 3}])
    assert [(offset["partition"], offset["error_code"]) for offset in offsets] == [(2, None), (None, 50003), (1, None)]


def test_a_proxy_that_stands_still_for_longer_than_clients_wait_gets_every_record_once(
    local_cloud: LocalCloud, topic: str
) -> None:
    port = local_cloud.rest_proxy_url.rpartition(":")[2]
    # A process that ends meanwhile has no command line.
    (proxy,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[-4:-2] == ["--port", port] and not process.children()
    ]
    post(local_cloud.api_url, topic, numbered(range(40)))
    proxy.suspend()
    # Past the five seconds after which an HTTP client gives up by itself, and a server closes idle connections.
    resume = Timer(6, proxy.resume)
    resume.start()
    post(local_cloud.api_url, topic, numbered(range(40)))
    resume.join()
    assert local_cloud.records_in_kafka(topic) == 80


def test_topics_are_listed_and_described(local_cloud: LocalCloud) -> None:
    assert "test.pin" in httpx.get(f"{local_cloud.api_url}/topics").json()
    assert httpx.get(f"{local_cloud.api_url}/topics/").json() == httpx.get(f"{local_cloud.api_url}/topics").json()
    described = httpx.get(f"{local_cloud.api_url}/topics/test.pin").json()
    assert (described["name"], len(described["partitions"])) == ("test.pin", PARTITIONS)
    assert described["partitions"][0]["replicas"] == [{"broker": 1, "leader": True, "in_sync": True}]


def test_brokers_and_partitions_are_described(local_cloud: LocalCloud) -> None:
    partitions = f"{local_cloud.api_url}/topics/test.pin/partitions"
    assert httpx.get(f"{local_cloud.api_url}/brokers").json() == {"brokers": [1]}
    assert [partition["partition"] for partition in httpx.get(partitions).json()] == list(range(PARTITIONS))
    assert httpx.get(f"{partitions}/1").json()["leader"] == 1
    assert httpx.get(f"{partitions}/{PARTITIONS}").json() == {"error_code": 40402, "message": "Partition not found."}
