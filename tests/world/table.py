"""The table of docs/compatibility.md, written from the records: ``python -m tests.world.table``."""

from __future__ import annotations

from pathlib import Path

from tests.world.application import Application
from tests.world.applications import APPLICATIONS
from tests.world.traces import in_one_line, written

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- written by `make world` -->\n", "<!-- until here -->\n"
_HEAD = "| Application | Started by | Compared | Asserted |\n| --- | --- | --- | --- |\n"


def table() -> str:
    """Head and a row for each application, as Markdown."""
    return _HEAD + "".join(f"| {' | '.join(_cells(application))} |\n" for application in APPLICATIONS)


def written_into(document: str) -> str:
    """``document`` with the table of today between its marks."""
    before, _, rest = document.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


def _cells(application: Application) -> list[str]:
    notes = [f"not on {python}: {why}" for python, why in application.absent.items()]
    notes += [f"not yet: {application.wrong}"] if application.wrong else []
    variables = [f"{name}={value}" for name, value in application.environ.items()]
    return [
        application.name + (f" ({'; '.join(notes)})" if notes else ""),
        f"`{' '.join([*variables, 'erni-run', application.command.format(port='8000')])}`",
        ", ".join([*([_count(len(application.asks), "answer")] if application.asks else []), "output, exit status"]),
        _asserted(application),
    ]


def _asserted(application: Application) -> str:
    if not application.traces:
        return "no span"
    traces = [written(trace) for trace in application.traces]
    spans = sum(trace.count("\n") + 1 for trace in traces)
    largest = in_one_line(max(traces, key=lambda trace: trace.count("\n"))).replace("|", "\\|")
    return f"{_count(len(traces), 'trace')}, {_count(spans, 'span')}: {largest}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


if __name__ == "__main__":
    DOCUMENT.write_text(written_into(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
