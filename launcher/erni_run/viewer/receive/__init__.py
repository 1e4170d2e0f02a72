"""OTLP over gRPC and HTTP, and from files. It knows the protocol, and nothing of what becomes of the records."""

from erni_run.viewer.receive.receiver import Receiver
from erni_run.viewer.receive.signal import Reply

__all__ = ["Receiver", "Reply"]
