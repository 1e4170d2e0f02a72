"""What tests of whole processes share: a shop, and the way to its collector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.collector import Collector
from tests.launcher.store import CONFIG, HTTP, Store
from tests.servers import Gate


@pytest.fixture
def protocol() -> str:
    """The protocol, where a test does not choose its own."""
    return HTTP[0]


@pytest.fixture
def store(tmp_path: Path, collector: Collector, protocol: str) -> Store:
    return Store(tmp_path, collector, protocol)


@pytest.fixture
def gate(store: Store, collector: Collector, protocol: str) -> Iterator[Gate]:
    """The store's only way to its collector."""
    endpoint = urlsplit(collector.environment(protocol)["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
    assert endpoint.port is not None
    with Gate(endpoint.port) as gate:
        url = endpoint._replace(netloc=f"127.0.0.1:{gate.port}").geturl()
        store.workshop.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = url
        store.workshop.write("tracing.toml", f'{CONFIG}[export]\nexit_budget = "300ms"\n')
        yield gate
