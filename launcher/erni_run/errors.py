"""Every way in which erni-run itself can stop before the application starts.

ErniRunError
├── UsageError              2    the command line or a switch cannot be understood
├── ConfigError             2    tracing.toml or the environment holds mistakes, all of them listed
├── ViewerError             2    the viewer is not installed, or cannot start where it is asked to
├── PlanTooLarge            2    the plan does not fit into one environment variable
├── CommandNotExecutable    126  the command is there and cannot be run, as a shell says it
└── CommandNotFound         127  there is no such command, as a shell says it

Nothing that costs is imported here: the fast path of the launcher loads this file.
"""

from erni_run.printable import printable

DOCS = "docs/errors.md"


class ErniRunError(Exception):
    """A failure before the start, told to the user in one message.

    ``str(error)`` says what, where and what to do next; ``exit_code`` is the process's exit status and ``slug`` names
    the paragraph of docs/errors.md.
    """

    exit_code = 2
    slug = "error"


class UsageError(ErniRunError):
    """The command line or a switch such as ENABLE_TRACING cannot be understood."""

    slug = "usage"


class Mistake:
    """One mistake in the configuration.

    ``where`` is ``"tracing.toml:12"`` or the name of an environment variable, ``key`` the dotted key such as
    ``"span[2].layer"``, ``message`` one sentence with what to do next, ``slug`` its paragraph in docs/errors.md.
    """

    __slots__ = ("key", "message", "slug", "where")

    def __init__(self, where: str, key: str, message: str, slug: str) -> None:
        self.where = where
        self.key = key
        self.message = message
        self.slug = slug

    def __str__(self) -> str:
        """One line, without control characters: keys and values come from a file, and a terminal obeys escapes."""
        return printable(f"{self.where}: {self.key}: {self.message} [{self.slug}]")


class ConfigError(ErniRunError):
    """The configuration holds ``mistakes``; every one of them is in the message."""

    slug = "config"

    def __init__(self, mistakes: "list[Mistake]") -> None:
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        super().__init__(f"{count} in the configuration:\n{lines}\n  each [word] is explained in {DOCS}")


class ViewerError(ErniRunError):
    """The viewer cannot start: a package is missing, a port or its state directory is in use, a file is no OTLP."""

    slug = "viewer"


class PlanTooLarge(ErniRunError):
    """The plan exceeds what the system takes as one environment variable."""

    slug = "plan-too-large"


class CommandNotExecutable(ErniRunError):
    """The command exists and cannot be executed (POSIX.1-2017, Shell Command Language 2.8.2: status 126)."""

    exit_code = 126
    slug = "command-not-executable"


class CommandNotFound(ErniRunError):
    """There is no such command (POSIX.1-2017, Shell Command Language 2.8.2: status 127)."""

    exit_code = 127
    slug = "command-not-found"
