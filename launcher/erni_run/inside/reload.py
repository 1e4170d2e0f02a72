"""tracing.toml has changed: read it anew and apply what differs to the running process.

Spans, captures and sampling change at once; what needs a restart is said. A file with mistakes changes nothing. The
file is looked at by a thread of our own, which starts when the application has imported ``threading``, in forked
children as well.
"""

from __future__ import annotations

import os
import sys
import time
from binascii import crc32

from erni_run.inside import forks
from erni_run.inside.background import Background
from erni_run.inside.notice import say, say_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from erni_run.errors import ConfigError
    from erni_run.plan import Plan

    Stamp = tuple[int, int, int]

_QUIET = 0.05  # seconds that a file must have been left alone
_DERIVED = frozenset({"libraries.modules"})  # from enable and disable
_LIVE = frozenset({"config", "digest", "command", "capture", "sampling", "spans"})


class Watcher:
    """Looks at the file of ``running()``, the plan in force, every ``every`` seconds, and hands a newer plan to
    ``apply``. ``environ`` fills in the file's variables.
    """

    def __init__(
        self, running: Callable[[], Plan], apply: Callable[[Plan], None], environ: Mapping[str, str], every: float
    ) -> None:
        self._running = running
        self._apply = apply
        self._environ = environ
        self._stamp: Stamp | None = None
        self._digest: int | None = None
        self._read: Plan | None = None
        self._thread = Background("erni-run-reload", self._look, every)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._thread.start)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def _look(self) -> None:
        with forks.late_import():
            plan = self._running()
        stamp = _stamp(plan.config)
        if stamp is None:
            say_once(f"{plan.config} is gone: what it said stays in force")
        if stamp is None or stamp == self._stamp:
            return
        time.sleep(_QUIET)
        content = _content(plan.config)
        if content is None or _stamp(plan.config) != stamp:
            return  # somebody is writing it: the next look will find it whole
        digest = crc32(content)
        try:
            if digest != (plan.digest if self._digest is None else self._digest):
                self._reload(plan, content)
        finally:  # not before: a child that is forked meanwhile has all of it to do
            self._stamp, self._digest = stamp, digest

    def _reload(self, plan: Plan, content: bytes) -> None:
        with forks.late_import():
            from erni_run.config.read import read
            from erni_run.errors import ConfigError
        try:
            new = read(plan.config, self._environ, plan.command, content).plan
        except ConfigError as error:
            _say_mistakes(plan, error)
            return
        self._take_over(plan, new)

    def _take_over(self, old: Plan, new: Plan) -> None:
        import dataclasses

        changed = {name: getattr(new, name) for name in _LIVE}
        self._apply(dataclasses.replace(old, **changed))
        stays = set(_needing_restart(old, new)) & set(_needing_restart(self._read or _as_configured(old), new))
        if old.sampling != new.sampling and not _resample(new):
            stays.add("sampling")
        self._read = new
        _say_changes(old, new, sorted(stays))


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _content(path: str) -> bytes | None:
    """What the file holds, None if that cannot be read, which is said."""
    with forks.late_import():
        from erni_run.config.content import load
        from erni_run.errors import ConfigError
    try:
        return load(path)
    except ConfigError as error:
        say_once(f"{error.mistakes[0]}; what it said stays in force")
        return None


def _as_configured(plan: Plan) -> Plan:
    """``plan`` as it was read at the start, before ``--view`` put the viewer's endpoint in the place of another."""
    import dataclasses

    if not plan.export.configured:
        return plan
    return dataclasses.replace(
        plan, export=dataclasses.replace(plan.export, endpoint=plan.export.configured, configured="")
    )


def _needing_restart(old: Plan, new: Plan) -> Iterator[str]:
    """The options outside of spans, captures and sampling in which the plans differ, as ``section.option``."""
    import dataclasses

    for section in dataclasses.fields(old):
        if section.name in _LIVE:
            continue
        before, after = getattr(old, section.name), getattr(new, section.name)
        for option in dataclasses.fields(before):
            name = f"{section.name}.{option.name}"
            if name not in _DERIVED and getattr(before, option.name) != getattr(after, option.name):
                yield name


def _resample(plan: Plan) -> bool:
    """Let the recorder sample as ``plan`` says. False if what records is not ours to tell."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return True  # the recorder will start with the plan in force
    provider = trace.get_tracer_provider()
    if not hasattr(type(provider), "reconfigure"):
        return False
    provider.reconfigure(plan)
    return True


def _say_mistakes(plan: Plan, error: ConfigError) -> None:
    name = os.path.basename(plan.config)
    say(f"{name} was changed and has mistakes; what it said before stays in force:")
    for mistake in error.mistakes:
        say(f"  {mistake}")


def _say_changes(old: Plan, new: Plan, stays: list[str]) -> None:
    name = os.path.basename(old.config)
    changes = list(_changes(old, new))
    if changes:
        say(f"{name} reloaded: {', '.join(changes)}")
    if stays:
        verb = "needs" if len(stays) == 1 else "need"
        say(f"{name} changed: spans and sampling apply now; {', '.join(stays)} {verb} a restart")


def _changes(old: Plan, new: Plan) -> Iterator[str]:
    """``2 spans added``, ``1 changed``: what differs in spans, captures and sampling."""
    import dataclasses

    before = {span.target: dataclasses.replace(span, line=0) for span in old.spans}
    after = {span.target: dataclasses.replace(span, line=0) for span in new.spans}
    counts = {
        "added": len(after.keys() - before.keys()),
        "changed": sum(before[target] != after[target] for target in before.keys() & after.keys()),
        "removed": len(before.keys() - after.keys()),
    }
    noun = "span"
    for what, count in counts.items():
        if count:
            yield f"{count} {noun}{'s' if noun and count > 1 else ''} {what}".replace("  ", " ")
            noun = ""
    for section in ("capture", "sampling"):
        if getattr(old, section) != getattr(new, section):
            yield f"{section} changed"
