"""What /metrics shows. One registry for the process, apart from the client library's global one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

# It would add a second line for each counter, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the client has types for almost all
REGISTRY = CollectorRegistry()

RETRY_ATTEMPTS = Counter("erni_retry_attempts", "Attempts made again", ["agent"], registry=REGISTRY)
RETRY_SUCCESS = Counter("erni_retry_success", "Calls that a retry saved", ["agent"], registry=REGISTRY)
RETRY_EXHAUSTED = Counter("erni_retry_exhausted", "Calls that no retry saved", ["agent"], registry=REGISTRY)
BATCHES = Counter("erni_batches", "Batches by how they ended", ["status"], registry=REGISTRY)
BATCH_SECONDS = Histogram("erni_batch_seconds", "Duration of a batch", registry=REGISTRY)
PHOTOS = Counter("erni_photos", "Photos by how they ended", ["status"], registry=REGISTRY)
CACHE = Counter("erni_cache_requests", "Cache look-ups", ["cache", "result"], registry=REGISTRY)
VISION_COST = Counter("erni_vision_cost_usd", "Spent on the vision model, US dollars", ["model"], registry=REGISTRY)
