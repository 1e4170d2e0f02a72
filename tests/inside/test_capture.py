"""Captured values: what an expression becomes as an attribute, what never leaves the process, what a failure costs."""

from __future__ import annotations

import builtins
import dataclasses
import enum
import json
import signal
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from erni_run.inside.counts import failed_captures
from erni_run.inside.functions.capture import compile_captures, mistakes
from erni_run.inside.functions.redact import is_redacted
from erni_run.inside.functions.source import Parameters
from erni_run.inside.functions.value import clean
from erni_run.inside.ourselves import thread
from erni_run.plan import CapturePlan

from tests.collector import Collector
from tests.conftest import Workshop


class Name(str):
    __slots__ = ()


class Size(enum.IntEnum):
    BIG = 3


class Photo:
    id = 7
    api_key = "hush"
    seen: list[bool] = []  # noqa: RUF012  # one for all is meant

    @property
    def watched(self) -> str:
        self.seen.append(thread.at_work)
        return "yes"

    @property
    def broken(self) -> int:
        raise SystemExit(3)

    def __str__(self) -> str:
        return "a photo"


# value, most, attribute
VALUES: list[tuple[Any, int, Any]] = [
    ("text", 9, "text"),
    ("0123456789", 9, "01234567…"),
    ("lone \ud800", 9, "lone ?"),
    ("Grüße", 9, "Grüße"),
    (Name("own"), 9, "own"),
    (True, 9, True),
    (5, 9, 5),
    (Size.BIG, 9, 3),
    (-(2**63), 30, -(2**63)),
    (2**63, 30, "9223372036854775808"),
    (1.5, 9, 1.5),
    (None, 9, "None"),
    (b"bytes", 9, "b'bytes'"),
    ([1, 2], 9, [1, 2]),
    (("a", "b" * 20), 9, ["a", "bbbbbbbb…"]),
    ([], 9, []),
    ([True, False], 9, [True, False]),
    ([1, 2.0], 30, "[1, 2.0]"),
    ([1, True], 30, "[1, True]"),
    ([1, None], 30, "[1, None]"),
    ([2**63], 30, "[9223372036854775808]"),
    (list(range(1000)), 3, [0, 1, 2]),
    ({"a": {"b": [1, 2]}}, 30, "{'a': {'b': [1, 2]}}"),
    ({1}, 9, "{1}"),
    (deque([1, 2]), 30, "deque([1, 2])"),
    (Photo(), 9, "a photo"),
    ({n: n for n in range(40)}, 20, "{0: 0, 1: 1, 2: 2, …"),
    ({"items": list(range(99)), "n": 1}, 20, "{'items': [0, 1, 2,…"),
    (OrderedDict(a=1), 30, "{'a': 1}"),
    (Counter("aab"), 30, "{'a': 2, 'b': 1}"),
    ({"x": list(range(10**4))}, 12, "{'x': [0, 1…"),
    (b"x" * 10**5, 6, "b'xxx…"),
]


class Guarded:
    """None of what a subclass has of its own is run to read it."""

    def _fail(self, *_: object) -> Any:
        raise AssertionError("the application's own code ran")

    __getitem__ = __iter__ = __len__ = __missing__ = items = keys = values = get = __repr__ = __str__ = _fail


class OwnDict(Guarded, dict): ...  # type: ignore[type-arg]


class OwnList(Guarded, list): ...  # type: ignore[type-arg]


class OwnTuple(Guarded, tuple): ...  # type: ignore[type-arg]


class Keys(enum.StrEnum):
    PASSWORD = "password"


class Fields(enum.Enum):
    PASSWORD = 1


class HeaderName(bytes): ...


class Text:
    """Any object that speaks for itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class Login(NamedTuple):
    user: str
    password: str


@dataclasses.dataclass
class Account:
    user: str
    password: str


class Headers(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        return "hush"

    def __iter__(self) -> Iterator[str]:
        return iter(["password"])

    def __len__(self) -> int:
        return 1


def nested(levels: int) -> Any:
    value: Any = {"password": "hush"}
    for _ in range(levels):
        value = [value]
    return value


SECRET = {"password": "hush"}
HIDDEN = "{'password': '[redacted]'}"
HELD = [1]
HELD.append(HELD)  # type: ignore[arg-type]

SECRETS: list[tuple[Any, Any]] = [
    (SECRET, HIDDEN),
    ({b"X-API-Key": b"hush"}, "{b'X-API-Key': '[redacted]'}"),
    ({Keys.PASSWORD: "hush"}, HIDDEN),
    ({("db", "password"): "hush", 5: 6}, "{('db', 'password'): '[redacted]', 5: 6}"),
    (OwnDict(SECRET), HIDDEN),
    (OrderedDict(SECRET), HIDDEN),
    (defaultdict(list, SECRET), HIDDEN),
    (UserDict(SECRET), HIDDEN),
    (MappingProxyType(SECRET), HIDDEN),
    (MappingProxyType(Headers()), "<Headers>"),
    (ChainMap(SECRET, {"a": 1}), f"[{HIDDEN}, {{'a': 1}}]"),
    (SECRET.items(), "dict_items([('password', '[redacted]')])"),
    (SECRET.keys(), "dict_keys(['password'])"),
    ({"a": SECRET}.values(), f"dict_values([{HIDDEN}])"),
    (OwnList([SECRET]), f"[{HIDDEN}]"),
    (OwnTuple([SECRET]), f"({HIDDEN},)"),
    (deque([SECRET]), f"deque([{HIDDEN}])"),
    ([(b"authorization", b"hush"), (b"a", b"b")], "[(b'authorization', '[redacted]'), (b'a', b'b')]"),
    ({("password", "hush")}, "{('password', '[redacted]')}"),
    ([(HeaderName(b"authorization"), b"hush"), 1], "[(b'authorization', '[redacted]'), 1]"),
    ([(Fields.PASSWORD, "hush"), 1], "[([redacted], '[redacted]'), 1]"),
    ([(Photo, "shown"), 1], f"[({Photo!r}, 'shown'), 1]"),
    ({Text("Field(password=True)"): "hush"}, "{[redacted]: '[redacted]'}"),
    (Text(json.dumps(json.dumps({"password": "hush"}))), "[redacted]"),
    (("password", "hush"), ["password", "[redacted]"]),
    (Login("ann", "hush"), "Login(user='ann', password='[redacted]')"),
    (Account("ann", "hush"), "[redacted]"),
    ([Account("ann", "hush"), 1], "[[redacted], 1]"),
    (ValueError({"password": "hush"}), "[redacted]"),
    (ValueError("invalid token at 3"), "invalid token at 3"),
    (Headers(), "<Headers>"),
    ([Headers(), None], "[<Headers>, None]"),
    (range(3), "range(0, 3)"),
    (nested(18), "[" * 18 + HIDDEN + "]" * 18),
    (nested(19), "[" * 19 + HIDDEN + "]" * 19),
    (nested(30), "[" * 20 + "…" + "]" * 20),
    (HELD, "[1, " * 19 + "[1, …]" + "]" * 19),
]
if hasattr(builtins, "frozendict"):
    SECRETS.append((builtins.frozendict(SECRET), HIDDEN))

# names that stay here by default
NAMES = """
password Passwd db.pwd X-API-Key x_api_key apikey API-KEY Cookie Set-Cookie private_key private-key PRIVATE_KEY
credential aws_credentials session SessionId Authorization proxy-authorization access_token client_secret
aws-access-key-id passphrase
"""

# expression over ``n``, what n is, attribute
ITEMS: list[tuple[str, Any, Any]] = [
    ("n['a']", {"a": 1}, 1),
    ("n['a']", defaultdict(list, a=1), 1),
    ("n['a']", OrderedDict(a=1), 1),
    ("n['a']", MappingProxyType(defaultdict(list, a=1)), 1),
    ("n['missing']", defaultdict(list), None),
    ("n['missing'] or 5", defaultdict(list), None),
    ("n['missing']", Counter(), None),
    ("n['missing']", MappingProxyType(defaultdict(list)), None),
    ("n[0]", [7], 7),
    ("n[-1]['a'][1]", ({"a": b"xy"},), 121),
    ("n[0]", "text", "t"),
    ("n[0]", deque([3]), 3),
    ("n[0]", Login("ann", "x"), "ann"),
    ("n['a']", OwnDict(a=1), None),
    ("n[0]", OwnList([1]), None),
    ("n['password2']", Headers(), "[redacted]"),
    ("n['a']", Headers(), None),
    ("n['a']", MappingProxyType(Headers()), None),
    ("n['a']", UserDict(a=1), None),
    ("str(n)", SECRET, HIDDEN),
    ("str(n)", [SECRET, 1], f"[{HIDDEN}, 1]"),
    ("str(n) or 'x'", b"bytes", "b'bytes'"),
    ("str(n)", 5, "5"),
    ("str(n['a'])", {"a": Headers()}, "<Headers>"),
]

# expression, attribute for at_entry with photo, photos, n, type, kw
EXPRESSIONS: dict[str, Any] = {
    "n": 5,
    "photo.id": 7,
    "len(photos)": 2,
    "photos[0].id": 7,
    "photos[-1].id": 7,
    "kw['size']": "XL",
    "type(photo).__name__": "Photo",
    "type": "a parameter",
    "n > 4": True,
    "kw['none'] or 'default'": "default",
    "str(photo)": "a photo",
    "-1": -1,
    "photo": "a photo",
    "int('5')": 5,
    "photo.missing": None,
    "photos[9]": None,
    "photo.broken": None,
    "token": "[redacted]",
    "photo.api_key": "[redacted]",
    "kw['my_password']": "[redacted]",
    "kw": "{'size': 'XL', 'none': None, 'my_password': '[redacted]'}",
    "type(kw)": "<class 'dict'>",
    "len(token)": "[redacted]",
}
GIVEN: dict[str, Any] = {
    "photo": Photo(),
    "photos": [Photo(), Photo()],
    "n": 5,
    "type": "a parameter",
    "token": "hush",
    "kw": {"size": "XL", "none": None, "my_password": "hush"},
}


def target(photo, photos, n, type, token, _erni_kind=1, **kw):  # type: ignore[no-untyped-def]
    return None


PARAMETERS = Parameters.of(target.__code__)


def entry_of(expressions: dict[str, str], bounds: CapturePlan = CapturePlan()) -> dict[str, Any]:  # noqa: B008
    captures = compile_captures(expressions, bounds, PARAMETERS, "here")
    attributes: dict[str, Any] = {}
    assert captures.at_entry is not None
    captures.at_entry(attributes, *(GIVEN[name] for name in captures.entry))
    return attributes


@pytest.mark.parametrize(("value", "most", "attribute"), VALUES, ids=lambda v: repr(v)[:30])
def test_value_becomes_an_attribute_of_bounded_size(value: Any, most: int, attribute: Any) -> None:
    cleaned = clean(value, most)
    assert (cleaned, type(cleaned)) == (attribute, type(attribute))


def test_no_more_of_a_large_value_is_written_out_than_is_kept() -> None:
    written = []

    class Item:
        def __repr__(self) -> str:
            written.append(self)
            return "item"

    assert clean({"x": [Item() for _ in range(1000)]}, 12) == "{'x': [item…"
    assert len(written) < 12


def _hides(name: str) -> bool:
    return is_redacted(name, CapturePlan())


@pytest.mark.parametrize(("value", "attribute"), SECRETS, ids=map(str, range(len(SECRETS))))
def test_what_is_under_a_redacted_name_stays_here(value: Any, attribute: Any) -> None:
    assert clean(value, 400, _hides) == attribute


def test_metaclass_is_not_asked() -> None:
    class Forbidding(type):
        def __getattribute__(cls, *_: Any) -> Any:
            raise AssertionError("the application's own code ran")

        __hash__ = __instancecheck__ = __subclasscheck__ = __eq__ = __getattribute__  # type: ignore[assignment]

    class Row(metaclass=Forbidding):
        __class__ = property(lambda self: 1 / 0)  # type: ignore[assignment]

        def __repr__(self) -> str:
            return "row"

    assert clean([Row(), {"a": Row()}], 99, _hides) == "[row, {'a': row}]"


def test_default_names_cover_what_headers_and_settings_call_a_secret() -> None:
    assert [name for name in NAMES.split() if not _hides(name)] == []
    assert [name for name in ("user", "id", "key", "path", "authorized_by") if _hides(name)] == []


def test_globs_of_the_user_hold_in_all_spellings() -> None:
    bounds = CapturePlan(redact=("x-[a-c]_own", "My Key"))
    found = [is_redacted(name, bounds) for name in ("X-A_Own", "x-b_own", "my key", "x_a_own", "x-d_own")]
    assert found == [True, True, True, False, False]


@pytest.mark.parametrize(("expression", "given", "attribute"), ITEMS, ids=map(str, range(len(ITEMS))))
def test_subscript_changes_nothing_and_runs_nothing(expression: str, given: Any, attribute: Any) -> None:
    before = dict(given) if type(given) in (dict, defaultdict, Counter) else None
    captures = compile_captures({"a": expression}, CapturePlan(), PARAMETERS)
    attributes: dict[str, Any] = {}
    assert captures.at_entry is not None
    captures.at_entry(attributes, *([given] if captures.entry else []))
    assert attributes == ({} if attribute is None else {"a": attribute})
    assert before is None or given == before


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_is_evaluated_for_each_call(expression: str, capfd: pytest.CaptureFixture[str]) -> None:
    expected = EXPRESSIONS[expression]
    assert entry_of({"a": expression}) == ({} if expected is None else {"a": expected})


@pytest.mark.parametrize(("value", "attribute"), [("x" * 300, "x" * 255 + "…"), (2**70, str(2**70)), ("\ud800", "?")])
def test_parameter_that_needs_work_is_cleaned(value: Any, attribute: Any) -> None:
    captures = compile_captures({"a": "n"}, CapturePlan(), PARAMETERS)
    attributes: dict[str, Any] = {}
    assert captures.at_entry is not None
    captures.at_entry(attributes, value)
    assert attributes == {"a": attribute}


def test_names_of_attributes_redact_as_those_of_parameters() -> None:
    assert entry_of({"db.Password": "n", "a": "n"}) == {"db.Password": "[redacted]", "a": 5}


def test_what_is_redacted_is_not_even_read() -> None:
    assert compile_captures({"a": "token", "b": "n"}, CapturePlan(), PARAMETERS).entry == ("n",)


def test_result_is_captured_at_the_end_together_with_parameters() -> None:
    captures = compile_captures({"a": "len(result)", "b": "result or n", "c": "n"}, CapturePlan(), PARAMETERS)
    attributes: dict[str, Any] = {}
    assert captures.at_exit is not None
    captures.at_exit(attributes, [], 5)
    assert (captures.entry, captures.exit, attributes) == (("n",), ("n",), {"a": 0, "b": 5})


def test_code_of_the_application_runs_untraced() -> None:
    Photo.seen.clear()
    assert entry_of({"a": "photo.watched"}) == {"a": "yes"}
    assert (Photo.seen, thread.at_work) == ([True], False)


def test_failure_is_counted_and_the_others_stay() -> None:
    before = failed_captures["here"]
    assert entry_of({"a": "photo.missing", "b": "n"}) == {"b": 5}
    assert failed_captures["here"] == before + 1


def test_exception_of_a_signal_handler_passes_through() -> None:
    class Timeout(Exception):
        pass

    def ring(*_: object) -> None:
        raise Timeout

    class Slow:
        @property
        def id(self) -> int:
            while True:
                pass

    captures = compile_captures({"a": "photo.id"}, CapturePlan(), PARAMETERS)
    assert captures.at_entry is not None
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(Timeout):
            captures.at_entry({}, Slow())
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("expression", "mistake"),
    [
        ("photoss.id", "capture 'a': there is no parameter 'photoss'; did you mean 'photos'?"),
        ("self.x", "capture 'a': there is no parameter 'self'"),
        ("len(result)", ""),
        ("len(photos)", ""),
    ],
)
def test_name_that_is_not_there_is_a_mistake(expression: str, mistake: str) -> None:
    assert "".join(mistakes({"a": expression}, PARAMETERS)) == mistake


def test_async_generator_has_no_result() -> None:
    assert list(mistakes({"a": "result"}, PARAMETERS, has_result=False)) == [
        "capture 'a': an async generator has no result"
    ]


APP = """
    import asyncio
    class Album:
        def __init__(self, photos): self.photos = photos
        def add(self, name, *more, size=1, **extra):
            self.photos += [name, *more]
            name = None
            return self.photos
        @classmethod
        def load(cls, path, password): return cls([path])
        async def fetch(self, name): await asyncio.sleep(0); return name * 2
        def later(self, name): return self.fetch(name)
        def names(self):
            yield from self.photos
            return len(self.photos)
    class Special(Album): pass
"""
CONFIG = """
    [capture]
    max_length = 8
    [[span]]
    target = "app:Album.add"
    [span.capture]
    n = "name"
    more = "more"
    size = "size"
    x = "extra['x']"
    before = "len(self.photos)"
    count = "len(result)"
    album = "type(self).__name__"
    nmae = "nmae"
    [[span]]
    target = "app:Album.load"
    capture = { "class" = "cls.__name__", "password" = "password", "path" = "path" }
    [[span]]
    target = "app:Album.fetch"
    capture = { "got" = "result" }
    [[span]]
    target = "app:Special.later"
    capture = { "later" = "result", "n" = "name" }
    [[span]]
    target = "app:Album.names"
    capture = { "end" = "result" }
"""
PROGRAM = """
    import asyncio, app
    album = app.Special.load("/a/very/long/path", "hush")
    album.add("b", "c", "d", x=2.5)
    print(asyncio.run(album.later("x")), list(album.names()))
"""


def test_captures_are_attributes_of_spans(workshop: Workshop, collector: Collector) -> None:
    workshop.write("app.py", APP)
    workshop.write("main.py", PROGRAM)
    workshop.write("tracing.toml", CONFIG)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert done.stdout == "xx ['/a/very/long/path', 'b', 'c', 'd']\n"
    assert done.stderr == (
        "erni-run: tracing.toml:3: app:Album.add: capture 'nmae': there is no parameter 'nmae'; "
        "did you mean 'name'?: left out\n"
    )
    found = {span.name: dict(span.attributes) for span in collector.spans}
    for attributes in found.values():
        attributes.pop("code.function.name")
    assert found == {
        "Album.load": {"class": "Special", "password": "[redacted]", "path": "/a/very…"},
        "Album.add": {"n": "b", "more": ["c", "d"], "size": 1, "x": 2.5, "before": 1, "count": 4, "album": "Special"},
        "Album.fetch": {"got": "xx"},
        "Special.later": {"later": "xx", "n": "x"},
        "Album.names": {"end": 4},
    }


def test_failing_expression_is_said_once_and_the_call_goes_on(workshop: Workshop) -> None:
    workshop.write("app.py", APP)
    workshop.write("main.py", "import app\nfor _ in range(3): print(len(app.Album([]).add('a')))\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "app:Album.add"\ncapture = { a = "self.nothing.there" }\n')
    done = workshop.run("erni-run", "python", "main.py")
    assert done.stdout == "1\n1\n1\n"
    assert done.stderr == (
        "erni-run: tracing.toml:1: 'a' is left out where its expression fails: AttributeError: 'Album' object has no "
        "attribute 'nothing'\n"
    )
