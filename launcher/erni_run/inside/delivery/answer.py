"""What became of one request, in the words that the sender acts on. It knows nothing of protocols."""

from __future__ import annotations

from dataclasses import dataclass

from erni_run.inside.delivery.protobuf import integer, last

LONGEST_RETRY_AFTER = 300.0
_PARTIAL_SUCCESS = 1  # of Export…ServiceResponse
_REJECTED, _MESSAGE = 1, 2  # of Export…PartialSuccess


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a request.

    ``delivered``: the collector has it, save ``rejected`` spans (or records, or data points). ``refused``: it never
    will, another try is useless. ``too_large``: it may take less at a time, whether it refuses all of it or not.
    Otherwise keep what was sent, and try again after ``retry_after`` seconds at least; ``misconfigured`` if that is in
    vain until somebody has changed what ``reason`` names. ``reason`` is for people, and holds no header's value.
    """

    delivered: bool = False
    refused: bool = False
    too_large: bool = False
    misconfigured: bool = False
    rejected: int = 0
    retry_after: float = 0.0
    reason: str = ""


def success(body: bytes) -> Answer:
    """The answer for a success, whose ``body`` may name what was rejected all the same (OTLP, "Partial Success").

    The responses to traces, metrics and logs are the same on the wire. A success whose body is none of them is a
    success: some gateways answer text.
    """
    try:
        partial = last(body, _PARTIAL_SUCCESS)
        rejected = integer(last(partial, _REJECTED))
        message = bytes(last(partial, _MESSAGE)).decode("utf-8", "replace")
    except ValueError:
        return Answer(delivered=True)
    return Answer(delivered=True, rejected=max(rejected, 0), reason=message)


def bounded(retry_after: float) -> float:
    """``retry_after`` in seconds, as far as we follow it: a collector does not put us off for a day."""
    return min(max(retry_after, 0.0), LONGEST_RETRY_AFTER)
