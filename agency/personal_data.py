"""The rule for personal data: the agency never files what it believes to be a customer, a place or a free description.

Above the threshold a person has to decide, below it the value was a guess; neither leaves this room.
"""

from __future__ import annotations

from .models import DetectedFieldValue

PERSONAL_FIELDS = frozenset({"Kunde", "OrtohnePLZ", "Beschreibung"})
THRESHOLD = 0.87


def withhold_personal(detected: list[DetectedFieldValue]) -> tuple[list[DetectedFieldValue], list[str]]:
    """(values that may travel on, names of the personal fields that were recognised and withheld)."""
    free = [value for value in detected if value.internal_name not in PERSONAL_FIELDS]
    recognised = [value for value in detected if value.internal_name in PERSONAL_FIELDS and value.field_value]
    return free, sorted(value.internal_name for value in recognised if value.confidence >= THRESHOLD)
