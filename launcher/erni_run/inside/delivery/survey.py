"""What a spool holds, for people: read from names and headers alone, while its processes go on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from erni_run.inside.delivery import segment
from erni_run.inside.delivery.account import ACCOUNT, Account, Tally, last_folded, read_totals
from erni_run.inside.delivery.folder import Folder
from erni_run.inside.delivery.holding import Blob
from erni_run.inside.delivery.spool import PROCESS, VERSION


@dataclass(kw_only=True)
class Standing:
    """One destination: ``pending`` spans, their ``size`` in bytes, since when the ``oldest`` waits (nanoseconds since
    1970, 0 if none does), and what became of the others. ``unreadable`` counts what is in the place of a file or folder
    of ours and is none, or not ours to read.
    """

    destination: str
    pending: int = 0
    size: int = 0
    oldest: int = 0
    tally: Tally = field(default_factory=Tally)
    unreadable: int = 0

    def add(self, spans: int, size: int, since: int) -> None:
        """``spans`` wait, the first of them ``since``."""
        if spans > 0:
            self.pending += spans
            self.size += size
            self.oldest = min(self.oldest or since, since)


def survey(path: str) -> list[Standing]:
    """The destinations in the spool at ``path``; none if there is no spool. Raises OSError if it cannot be read."""
    try:
        spool = Folder.at(path, create=False)
    except FileNotFoundError:
        return []
    with contextlib.closing(spool):
        try:
            version = spool.within(VERSION, create=False)
        except FileNotFoundError:
            return []
        with contextlib.closing(version):
            return [_standing(version, name) for name in version.folders()]


def _standing(version: Folder, name: str) -> Standing:
    standing = Standing(destination=name)
    try:
        destination = version.within(name, create=False)
    except OSError:
        standing.unreadable = 1
        return standing
    with contextlib.closing(destination):
        folded = last_folded(destination)
        standing.tally.add(read_totals(destination))
        for process in filter(PROCESS.fullmatch, destination.names()):
            try:
                _add_process(standing, destination, process, is_folded=process == folded)
            except FileNotFoundError:  # it has just been settled
                continue
            except OSError:
                standing.unreadable += 1
    return standing


def _add_process(standing: Standing, destination: Folder, name: str, *, is_folded: bool) -> None:
    with contextlib.closing(destination.within(name, create=False)) as folder:
        account = Account.read(folder)
        if not is_folded:
            standing.tally.add(account.tally)
        standing.add(*segment.pending(folder, account.mark), int(name.partition("-")[0]))
        standing.unreadable += sum(map(_is_ours, folder.others()))
        for file, size in folder.files():
            blob = Blob.of(file)
            if blob and file != account.settled_blob:
                standing.add(blob.spans, size, blob.stamp)


def _is_ours(name: str) -> bool:
    return name == ACCOUNT or Blob.of(name) is not None or segment.is_name(name)
