"""attrs: slots, validators, converters, evolve, ordering, exceptions, generated code."""

import copy
import pickle
from typing import Any

import attr
import attrs
from attrs import converters, define, evolve, field, filters, frozen, setters, validators
from observe import describe, show


@define
class Photo:
    path: str = field(validator=validators.instance_of(str))
    width: int = field(default=0, converter=int, validator=[validators.ge(0), validators.lt(10_000)])
    tags: list[str] = field(factory=list, repr=lambda tags: f"<{len(tags)}>")
    secret: str = field(default="s", repr=False, eq=False, kw_only=True)
    _hidden: int = field(default=1, alias="hidden")
    area: int = field(init=False)

    @area.default
    def _area(self):
        return self.width * 2

    @path.validator
    def _path(self, attribute, value):
        if value.startswith("/"):
            raise ValueError(f"{attribute.name} is absolute: {value}")


@frozen(order=True)
class Point:
    x: float = field(converter=float)
    y: float = field(default=0.0, on_setattr=setters.NO_OP)

    def __attrs_post_init__(self):
        if self.x != self.x:
            raise ValueError("not a number")

    @property
    def sum(self):
        return self.x + self.y


@define(slots=False)
class Base:
    a: Any = None

    def hello(self):
        return "base"


@define
class Child(Base):
    b: int | None = field(default=None, validator=validators.optional(validators.in_([1, 2])))

    def hello(self):
        return f"child of {super().hello()} in {__class__.__name__}"


@attr.s(cmp=False, auto_exc=True, auto_attribs=True)
class Broken(Exception):
    code: int
    reason: str = "none"


@attr.s(these={"x": attr.ib(hash=True)}, hash=True, str=True)
class Old:
    pass


def raises():
    raise Broken(3, "it is")


photo = Photo("a.jpg", "12", ["x"])
show("made", lambda: photo)
for name, call in {
    "wrong type": lambda: Photo(3),
    "validator of one's own": lambda: Photo("/a"),
    "too large": lambda: Photo("a", 10_000),
    "no number": lambda: Photo("a", "x"),
    "set": lambda: setattr(photo, "width", "77") or photo,
    "set wrongly": lambda: setattr(photo, "width", -1),
    "no such slot": lambda: setattr(photo, "other", 1),
    "frozen": lambda: setattr(Point(1), "x", 2),
    "order": lambda: sorted([Point(2), Point(1, 5), Point(1)]),
    "order with others": lambda: Point(1) < 3,
    "post init": lambda: Point(float("nan")),
    "missing argument": lambda: Photo(),
    "superfluous argument": lambda: Photo("a", nothing=1),
    "evolve": lambda: evolve(photo, width=3, hidden=9),
    "evolve wrongly": lambda: evolve(photo, size=3),
    "asdict": lambda: attrs.asdict(Child(a=photo, b=1), recurse=True, filter=filters.exclude(str)),
    "astuple": lambda: attrs.astuple(Point(1, 2)),
    "fields": lambda: attrs.fields(Photo),
    "fields of nothing": lambda: attrs.fields(int),
    "super": lambda: Child(1, 2).hello(),
    "optional": lambda: Child(1, 7),
    "exception": raises,
    "old": lambda: (Old(1), str(Old(1)), hash(Old(1)) == hash(Old(1)), Old(1) == Old(1)),
    "pickled": lambda: [pickle.loads(pickle.dumps(p)) == p for p in (photo, Point(1))],
    "copied": lambda: (copy.copy(photo), copy.deepcopy(Point(3))),
    "made at run time": lambda: attrs.make_class("Made", {"x": field(default=1)}, bases=(Base,))(x=2),
    "property": lambda: Point(1, 2).sum,
    "match": lambda: Photo.__match_args__,
    "resolved": lambda: attrs.resolve_types(Child).__attrs_attrs__,
    "has": lambda: (attrs.has(Photo), attrs.has(int)),
    "conversions": lambda: [converters.to_bool("yes"), converters.optional(int)(None), converters.pipe(str, len)(123)],
    "wrong conversion": lambda: converters.to_bool("perhaps"),
    "default if none": lambda: converters.default_if_none(factory=list)(None),
    "validators": lambda: [
        repr(v)
        for v in (
            validators.matches_re("a+"),
            validators.deep_iterable(validators.instance_of(int)),
            validators.and_(validators.min_len(1), validators.max_len(2)),
            validators.not_(validators.is_callable()),
        )
    ],
    "deep": lambda: define(
        type(
            "D",
            (),
            {
                "__annotations__": {"x": list},
                "x": field(validator=validators.deep_iterable(validators.instance_of(int))),
            },
        )
    )([1, "2"]),
    "disabled validators": lambda: validators.disabled().__enter__() or Photo(3) or validators.set_disabled(False),
    "assoc": lambda: attr.assoc(Point(1), y=4),
    "twice the same default": lambda: define(type("E", (), {"x": field(default=1), "y": field()})),
    "weak": lambda: __import__("weakref").ref(photo)() is photo,
}.items():
    show(name, call)
describe("attr", "attrs")
