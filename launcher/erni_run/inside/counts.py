"""What a process counts of its own work besides spans, for the metrics about it."""

from __future__ import annotations

import os
from collections import Counter

failed_captures: Counter[str] = Counter()
"""How often an attribute has been left out because its expression raised, by where the expression stands."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=failed_captures.clear)
