"""The command line, understood. argparse is not used for it: its import alone would cost a third of a start."""

from erni_run.errors import UsageError

_OPTIONS = ("--config", "--explain", "--help", "--on-error", "--version", "--view")
VERBS = ("check", "drain", "init", "schema", "status", "view")


class Options:
    """``verb`` with its ``arguments``, or the ``command`` to start: a list of words, the name first."""

    __slots__ = ("arguments", "command", "config", "explain", "run_on_error", "verb", "view")

    def __init__(self) -> None:
        self.config: str | None = None
        self.explain = False
        self.run_on_error = False
        self.view = False
        self.verb = ""
        self.arguments: list[str] = []
        self.command: list[str] = []


def parse(words: "list[str]") -> Options:
    """Understand the words after ``erni-run``. Raises UsageError."""
    options = Options()
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "--":
        _take_option(options, rest)
    if options.verb:
        return options
    is_program = bool(rest) and rest[0] == "--"
    if is_program:
        rest = rest[1:]
    if not rest:
        raise UsageError("no command given: try `erni-run uvicorn agency.main:app`, or `erni-run --help`")
    if not is_program and rest[0] in VERBS:
        if options.config is not None and rest[0] == "init":
            raise UsageError("init writes a tracing.toml and reads none: name the new file with -o FILE after PACKAGE")
        if options.explain or options.run_on_error or options.view:
            raise UsageError(f"--explain, --on-error and --view are for starting a command, not for `{rest[0]}`")
        options.verb, options.arguments = rest[0], rest[1:]
    else:
        options.command = rest
    return options


def _take_option(options: Options, rest: "list[str]") -> None:
    word, has_value, value = rest.pop(0).partition("=")
    if word in ("-c", "--config"):
        options.config = value if has_value else _next(word, "a file", rest)
    elif word == "--on-error":
        choice = value if has_value else _next(word, "stop or run", rest)
        if choice not in ("stop", "run"):
            raise UsageError(f"--on-error {choice}: write stop or run")
        options.run_on_error = choice == "run"
    elif word == "--explain":
        options.explain = True
    elif word == "--view":
        options.view = True
    elif word in ("-h", "--help", "--version"):
        options.verb = "version" if word == "--version" else "help"
        rest.clear()
    else:
        from difflib import get_close_matches  # late: only a mistake needs it

        near = get_close_matches(word, _OPTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else "options stand before COMMAND, see `erni-run --help`"
        raise UsageError(f"unknown option {word}: {hint}")


def _next(word: str, what: str, rest: "list[str]") -> str:
    if not rest:
        raise UsageError(f"{word} needs {what}")
    return rest.pop(0)
