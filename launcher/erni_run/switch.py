"""Is tracing switched on? Asked by the launcher, and again by every Python process below it. Imports nothing heavy."""

from erni_run.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ON = frozenset({"", "true", "1", "yes", "on"})
_OFF = frozenset({"false", "0", "no", "off"})


def is_off(environ: "Mapping[str, str]") -> bool:
    """Whether ``ENABLE_TRACING`` or ``OTEL_SDK_DISABLED`` switches tracing off.

    OTEL_SDK_DISABLED follows the OpenTelemetry specification: only "true", in any case, disables. Raises UsageError
    for a value of ENABLE_TRACING that is neither on nor off: a misspelt kill switch must not be guessed at.
    """
    value = environ.get("ENABLE_TRACING", "").strip().lower()
    if value in _OFF:
        return True
    if value not in _ON:
        raise UsageError(f"ENABLE_TRACING is {value!r}: write true or false")
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
