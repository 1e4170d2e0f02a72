"""The parts of the standard library that erni-run is made of, traced: nothing recurses, nothing waits for ever."""

from __future__ import annotations

import pytest

from tests.collector import Collector
from tests.conftest import Workshop
from tests.transparency.both import as_glob, differences, run, trace

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(300),
]

# modules, and the least number of functions that are traced
USED = {
    "what it needs to record and to send": (
        "json json.decoder json.encoder json.scanner logging threading queue ssl http.client socket",
        480,
    ),
    "what those need": (
        "abc ast base64 codecs collections concurrent.futures._base concurrent.futures.thread contextlib copy "
        "dataclasses datetime dis email.feedparser email.message email.parser enum functools gzip hashlib "
        "importlib importlib.metadata inspect io json json.decoder json.encoder linecache logging "
        "multiprocessing.util operator os platform posixpath queue random re re._compiler re._parser "
        "selectors signal socket ssl stat string subprocess tempfile textwrap threading tokenize traceback "
        "types urllib.parse uuid warnings weakref zipfile",
        2400,
    ),
}
ALLOWED = {
    "spans that end after the end of the process are dropped": "said by us: the last calls of all are traced, too",
    "skipping fork() handlers": "said by gRPC, where the program forks while a request is under way",
}


@pytest.mark.parametrize("protocol", ["none", "grpc", "http/protobuf"])
@pytest.mark.parametrize("what", USED)
def test_program_shows_the_same(workshop: Workshop, collector: Collector, what: str, protocol: str) -> None:
    modules, least = USED[what]
    trace(workshop, map(as_glob, modules.split()))
    delivered = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment(protocol)}
    bare = run(workshop, "programs/on_our_own.py", traced=False, seconds=60)
    environ = {} if protocol == "none" else delivered
    traced = run(workshop, "programs/on_our_own.py", traced=True, environ=environ, seconds=120)
    assert differences(bare.out, traced.out) == []
    assert differences(bare.err, traced.err, ALLOWED) == []
    assert traced.status == bare.status == 0
    assert traced.instrumented >= least
    assert protocol == "none" or len(collector.spans) > 1000
