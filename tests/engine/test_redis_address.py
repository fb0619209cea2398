"""Addresses of Redis, as they are written and what they mean; and that a market of one process knows nothing of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.bus.nodes import RedisUrlInvalid, read_url, slot_of
from engine.bus.wire import Address, Login


@pytest.mark.parametrize(
    ("url", "kind", "seeds", "login", "service"),
    [
        ("redis://r1", "single", [Address("r1", 6379)], Login(), ""),
        ("redis://r1:7000/3", "single", [Address("r1", 7000)], Login(database=3), ""),
        ("redis://:geheim@r1", "single", [Address("r1", 6379)], Login(password="geheim"), ""),
        ("rediss://u%40:p%2Fw@[::1]:7000/0", "single", [Address("::1", 7000)], Login("u@", "p/w", tls=True), ""),
        ("unix:///run/redis.sock", "single", [Address("", 0, "/run/redis.sock")], Login(), ""),
        ("redis+cluster://a:1,b", "cluster", [Address("a", 1), Address("b", 6379)], Login(), ""),
        ("rediss+cluster://:p@a", "cluster", [Address("a", 6379)], Login(password="p", tls=True), ""),
        ("redis+sentinel://a,b:9/ortoo", "sentinel", [Address("a", 26379), Address("b", 9)], Login(), "ortoo"),
    ],
)
def test_an_address_says_how_the_servers_are_found(
    url: str, kind: str, seeds: list[Address], login: Login, service: str
) -> None:
    found = read_url(url)
    assert (found.kind, list(found.seeds), found.login, found.service) == (kind, seeds, login, service)


@pytest.mark.parametrize(
    "url",
    ["", "r1:6379", "http://r1", "redis://", "redis://a,b", "redis://a/name", "redis+sentinel://a", "redis+x://a", "redis://a:x",
     "unix://relative", "redis://a?db=1", "unix:///s?x#y", "redis://a:99999"],
)  # fmt: skip
def test_an_address_that_cannot_be_read_is_refused_with_the_forms_there_are(url: str) -> None:
    with pytest.raises(RedisUrlInvalid, match=r"redis\+sentinel|host"):
        read_url(url)


def test_a_slot_is_what_redis_cluster_says_it_is() -> None:
    assert slot_of("123456789") == 0x31C3 % 16_384  # the example of the cluster specification
    assert slot_of("foo") == 12_182


def test_a_market_of_one_process_imports_nothing_of_redis() -> None:
    program = "import sys, gateway.serve; print(sorted({'hiredis', 'redis', 'engine.bus.wire'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
