"""The table of applications says what the bench of `make world` runs."""

from __future__ import annotations

from tests.world.applications import APPLICATIONS
from tests.world.bench import PROGRAMS
from tests.world.table import DOCUMENT, written_into
from tests.world.traces import in_one_line, written


def test_table_is_the_one_that_the_records_give() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert written_into(document) == document


def test_records_are_of_programs_that_are_kept_and_of_no_other() -> None:
    assert {application.program for application in APPLICATIONS} - {""} == {path.name for path in PROGRAMS.iterdir()}
    assert len({application.name for application in APPLICATIONS}) == len(APPLICATIONS)


def test_written_trace_has_its_siblings_in_order() -> None:
    assert written("\n  b\n    d\n    c\n  a\n") == "a\nb\n  c\n  d"
    assert in_one_line(written("a\n  c\n    d\n  b\n")) == "`a` › (`b`, `c` › `d`)"
