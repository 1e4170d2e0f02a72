"""jinja2: loops, macros, inheritance, filters, asynchronous rendering, the sandbox, errors with rewritten tracebacks."""

import asyncio

import jinja2
from jinja2 import meta, nativetypes, sandbox
from jinja2.ext import Extension
from observe import describe, show

TEMPLATES = {
    "base": "<{% block title %}base{% endblock %}>{% block body required %}{% endblock %}",
    "page": "{% extends 'base' %}{% from 'macros' import tag with context %}{% block title %}{{ super() }}+{% endblock %}"
    "{% block body %}{% for row in rows if row %}{{ loop.index }}/{{ loop.length }} {{ loop.cycle('a', 'b') }}"
    " {{ tag(row) }}{% else %}none{% endfor %}{% endblock %}",
    "macros": "{% macro tag(value, mark='*') -%}{{ mark }}{{ value|upper }}{{ caller() if caller else '' }}{%- endmacro %}",
    "call": "{% import 'macros' as m %}{% call m.tag('x', mark='-') %}inside{% endcall %}",
    "tree": "{% for n in tree recursive %}{{ n.name }}({{ loop(n.children) if n.children }}){% endfor %}",
    "filters": "{{ rows|join(',') }} {{ rows|map('length')|list }} {{ rows|groupby('0')|list }} {{ 3.14159|round(2) }}"
    " {{ '<b>'|escape }} {{ 'a b c'|title|replace('B','x') }} {{ {'b':1,'a':2}|dictsort }} {{ rows|batch(2)|list }}"
    " {{ 'x'|default('y') }} {{ missing|default('z') }} {{ rows|tojson }} {{ 'long text here'|truncate(6) }}",
    "set": "{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}"
    "{% set x %}block{% endset %}{{ x }}{% with a=1 %}{{ a }}{% endwith %}{% raw %}{{ raw }}{% endraw %}",
    "fails": "one\n{{ fail() }}\n",
    "undefined": "{{ missing.attribute }}",
    "syntax": "{% for x in %}\n",
    "includes": "{% include ['none', 'set'] %}{% include 'missing' ignore missing %}",
    "extension": "{% shout %}quiet{% endshout %}",
    "async": "{% for x in numbers() %}{{ x }},{% endfor %}{{ later('l') }}",
}


class Shout(Extension):
    tags = frozenset({"shout"})

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endshout",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_shout"), [], [], body).set_lineno(line)

    def _shout(self, caller):
        return caller().upper()


def fail():
    raise KeyError("from a template")


async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number


async def later(value):
    await asyncio.sleep(0)
    return value


env = jinja2.Environment(
    loader=jinja2.DictLoader(TEMPLATES),
    extensions=[Shout, "jinja2.ext.do", "jinja2.ext.loopcontrols"],
    autoescape=False,
)
tree = [{"name": "a", "children": [{"name": "b", "children": []}]}]
for name in TEMPLATES:
    show(name, lambda name=name: env.get_template(name).render(rows=["ab", "", "cd"], tree=tree, fail=fail))
asynchronous = jinja2.Environment(loader=env.loader, enable_async=True)
show("rendered asynchronously", lambda: asynchronous.get_template("async").render_async(numbers=numbers, later=later))
show("an error in asynchronous rendering", lambda: asynchronous.get_template("fails").render_async(fail=fail))
show("streamed", lambda: list(env.get_template("page").stream(rows=["x"])))
show("generated", lambda: list(env.from_string("{% for i in x %}{{ i }}{% endfor %}").generate(x=iter("abc"))))
show("module", lambda: env.get_template("macros").module.tag("direct"))
show("expression", lambda: env.compile_expression("a + b * 2")(a=1, b=2))
show("strict", lambda: jinja2.Environment(undefined=jinja2.StrictUndefined).from_string("{{ x }}").render())
show(
    "debug undefined", lambda: jinja2.Environment(undefined=jinja2.DebugUndefined).from_string("{{ x.y }}").render(x={})
)
show("native", lambda: nativetypes.NativeEnvironment().from_string("{{ [1, x] }}").render(x=2))
safe = sandbox.SandboxedEnvironment()
show("sandbox", lambda: safe.from_string("{{ ''.__class__.mro() }}").render())
show("sandbox's format", lambda: safe.from_string("{{ '{0.__class__}'.format(1) }}").render())
show("sandbox's range", lambda: safe.from_string("{{ range(999999) }}").render())
show("immutable", lambda: sandbox.ImmutableSandboxedEnvironment().from_string("{{ x.append(1) }}").render(x=[]))
show("variables", lambda: sorted(meta.find_undeclared_variables(env.parse("{{ a }}{% set b = c %}"))))
show("tokens", lambda: list(env.lex("{{ a }} b {# c #}")))
show("source", lambda: env.compile("{{ a|upper }}", name="n", filename="f", raw=True))
show("unknown filter", lambda: env.from_string("{{ x|nope }}"))
show(
    "overlay",
    lambda: env.overlay(variable_start_string="[[", variable_end_string="]]").from_string("[[ x ]]").render(x=1),
)
show(
    "cycler",
    lambda: [jinja2.utils.Cycler(1, 2).next(), jinja2.utils.Joiner()(), jinja2.utils.urlize("see http://x.org")],
)
describe("jinja2")
