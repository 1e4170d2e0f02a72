"""``erni-run init``: what it finds in source that it only reads, and that ``check`` accepts what it writes."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from erni_run.plan import CapturePlan
from erni_run.propose.capture import captures
from erni_run.propose.deed import deed
from erni_run.propose.proposal import Proposal, propose
from erni_run.propose.write import write

from tests.conftest import BIN, Workshop

ROOT = Path(__file__).resolve().parents[2]

# what is found: the source of shop/__init__.py, or of the files that are named, and the targets by kind
FOUND = {
    "a callback by name": ("def hand(ctx): work()\nhandoff(a, on_handoff=hand)", {"handoff": ["shop:hand"]}),
    "a method of self": (
        "class Desk:\n def make(self): return [handoff(a, on_handoff=self._hand)]\n def _hand(self, ctx): work()",
        {"handoff": ["shop:Desk._hand"]},
    ),
    "a private method": (
        "class _Desk:\n def make(self): handoff(a, on_handoff=self.__hand)\n def __hand(self, ctx): work()",
        {"handoff": ["shop:_Desk._Desk__hand"]},
    ),
    "a method of a base class in another module": (
        {
            "__init__.py": "from .base import Base as B\nclass Desk(B):\n x = lambda self: handoff(a, on_handoff=self.hand)",
            "base.py": "class Base:\n def hand(self): work()",
        },
        {"handoff": ["shop.base:Base.hand"]},
    ),
    "a method of an instance": (
        "class Desk:\n def hand(self): work()\ndesk = Desk()\nhandoff(a, on_handoff=desk.hand)",
        {"handoff": ["shop:Desk.hand"]},
    ),
    "a partial": (
        "from functools import partial\ndef hand(n, ctx): work()\nhandoff(a, on_handoff=partial(hand, 1))",
        {"handoff": ["shop:hand"]},
    ),
    "an import of an import": (
        {
            "__init__.py": "from . import desk\nhandoff(a, on_handoff=desk.hand)",
            "desk.py": "from shop.deep.er import hand",
            "deep/__init__.py": "",
            "deep/er.py": "def hand(): work()",
        },
        {"handoff": ["shop.deep.er:hand"]},
    ),
    "no callback": ("handoff(a, on_handoff=None)\nhandoff(a)", {}),
    "a lambda is said": (
        "handoff(a, on_handoff=lambda ctx: 1)",
        {"unclear": ["shop/__init__.py:1: on_handoff=lambda ctx: 1"]},
    ),
    "a nested callback": (
        "class D:\n def make(self):\n  def hand(): work()\n  return handoff(a, on_handoff=hand)",
        {"handoff": ["shop:D.make.<locals>.hand"]},
    ),
    "a tool in a tool's class": (
        "from agents import function_tool\n@function_tool\ndef a():\n class B:\n  @function_tool\n  def c(): work()\n return B",
        {"Tools of agents": ["shop:a", "shop:a.<locals>.B.c"]},
    ),
    "nested functions of one name are counted": (
        "def make(fast):\n if fast:\n  def hand(): work()\n else:\n  def hand(): play()\n return handoff(a, on_handoff=hand)",
        {"out_of_reach": 1, "Public functions": ["shop:make"]},
    ),
    "what is nested in a private method is counted": (
        "class D:\n def __make(self):\n  def hand(): work()\n  return handoff(a, on_handoff=hand)",
        {"out_of_reach": 1},
    ),
    "names alone": (
        "class D:\n def _on_vision_handoff(self): work()\n def handoff_to_upload(self): work()\n def on_handoff(self): work()",
        {"handoff": ["shop:D._on_vision_handoff", "shop:D.handoff_to_upload"]},
    ),
    "tools": (
        "from agents import function_tool as tool_of\n@tool_of\ndef a(): work()\n@tool_of(strict=True)\ndef b(): work()",
        {"Tools of agents": ["shop:a", "shop:b"]},
    ),
    "tools by call": ("def a(): work()\nx = [function_tool(a)]", {"Tools of agents": ["shop:a"]}),
    "agents": (
        "class PhotoAgent:\n def run(self): work()\n async def arun(self): work()\n def walk(self): work()\n"
        "class Half(PhotoAgent):\n def invoke(self): work()\nclass Other(Agent[int]):\n def execute(self): work()\n"
        "class Agents:\n def run(self): work()",
        {"Agents": ["shop:PhotoAgent.run", "shop:PhotoAgent.arun", "shop:Half.invoke", "shop:Other.execute"]},
    ),
    "stubs are not worth a span": (
        "class BaseAgent:\n def run(self): raise NotImplementedError\n @abstractmethod\n def arun(self): work()\n"
        " def invoke(self): ...\n @property\n def execute(self): return work()",
        {},
    ),
    "FastAPI": (
        "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('')\ndef a(): work()\n"
        "@router.websocket('/b')\nasync def b(): work()\n@cache.get('c')\ndef c(): work()",
        {"Route handlers": ["shop:a", "shop:b"]},
    ),
    "a router of another module": (
        {"__init__.py": "from .web import app\n@app.get(PATH)\ndef a(): work()", "web.py": "app = FastAPI()"},
        {"Route handlers": ["shop:a"]},
    ),
    "Starlette": (
        "async def a(r): work()\nclass V:\n def b(self, r): work()\nv = V()\n"
        "app = Starlette(routes=[Route('/', a), WebSocketRoute('/b', endpoint=v.b)])",
        {"Route handlers": ["shop:a", "shop:V.b"]},
    ),
    "Flask": (
        "app = Flask(__name__)\n@app.route('/', methods=['POST'])\ndef a(): work()\ndef b(): work()\n"
        "app.add_url_rule('/b', view_func=b)",
        {"Route handlers": ["shop:a", "shop:b"]},
    ),
    "aiohttp": (
        "from aiohttp import web\nasync def a(r): work()\nasync def b(r): work()\n"
        "app.add_routes([web.get('/', a)])\napp.router.add_post('/', b)",
        {"Route handlers": ["shop:a", "shop:b"]},
    ),
    "Django": (
        {
            "views.py": "def a(r): work()",
            "urls.py": "from django.urls import path\nfrom . import views\nu = [path('', views.a)]",
        },
        {"Route handlers": ["shop.views:a"]},
    ),
    "tasks": (
        "import dramatiq\nfrom celery import shared_task\n@app.task\ndef a(): work()\n@shared_task(bind=True)\ndef b(self): work()\n"
        "@dramatiq.actor\ndef c(): work()\n@job('low')\ndef d(): work()\n@scheduler.scheduled_job('cron')\ndef e(): work()\n"
        "def f(): work()\ndef g(): work()\nqueue.enqueue(f, 1)\nscheduler.add_job(g, 'interval')",
        {"Tasks": [f"shop:{name}" for name in "abcdefg"]},
    ),
    "arq": (
        "async def a(ctx): work()\nasync def b(ctx): work()\nclass WorkerSettings:\n functions = [a]\n cron_jobs = [cron(b, hour=1)]",
        {"Tasks": ["shop:a", "shop:b"]},
    ),
    "LangGraph": (
        "from langgraph.graph import StateGraph\ndef a(s): work()\ng = StateGraph(S)\ng.add_node('a', a)",
        {"Nodes of graphs": ["shop:a"]},
    ),
    "other graphs": ("def a(s): work()\ng.add_node('a', a)", {"Public functions": ["shop:a"]}),
    "views behind wrappers": (
        "def a(r): work()\ndef b(r): work()\nclass V:\n def c(self): work()\n"
        "add_route(wrap(a, self), '/')\nadd_route(cached(60)(b), '/b')\nadd_route(V.as_view(self, V().c), '/c')",
        {"Route handlers": ["shop:a", "shop:b"]},
    ),
    "views that are classes": (
        "from django.views.generic import View as V\nclass Base(V):\n def get(self, r): work()\n"
        "class Low(Mixin, Base):\n def post(self, r): work()\n def helper(self): work()\n"
        "class Own:\n def get(self): work()\nclass Given:\n def put(self): work()\nadd_route(Given.as_view(1), '/')",
        {"Route handlers": ["shop:Base.get", "shop:Low.post", "shop:Given.put"]},
    ),
    "views of an imported base": (
        {
            "__init__.py": "from .base import Base\nadd_route(Front.as_view(), '/')\nclass Front(Base): pass",
            "base.py": "class Base:\n async def get(self, r): work()",
        },
        {"Route handlers": ["shop.base:Base.get"]},
    ),
    "Django REST framework": (
        "from rest_framework import viewsets\nfrom rest_framework.decorators import action, api_view\n"
        "class Items(viewsets.ModelViewSet):\n def list(self, r): work()\n @action(detail=True)\n def buy(self, r): work()\n"
        "@api_view(['GET'])\ndef a(r): work()",
        {"Route handlers": ["shop:Items.list", "shop:Items.buy", "shop:a"]},
    ),
    "Falcon": (
        "class Things:\n def on_get(self, q, r): work()\napp.add_route('/', Things())",
        {"Route handlers": ["shop:Things.on_get"]},
    ),
    "gRPC": (
        "class Greeter(helloworld_pb2_grpc.GreeterServicer):\n def SayHello(self, q, c): work()\n def _own(self): work()",
        {"Remote procedures": ["shop:Greeter.SayHello"]},
    ),
    "what runs a LangGraph graph": (
        {
            "__init__.py": "from .flow import graph, build\ndef a(n): return graph.invoke(n)\ndef b(regex): return regex.stream(1)\n"
            "class S:\n def __init__(self): self.flow = build()\n async def c(self): await self.flow.ainvoke(1)",
            "flow.py": "def build():\n b = StateGraph(S)\n return b.compile()\ngraph = build()",
        },
        {"What runs agents and graphs": ["shop:a", "shop:S.c"]},
    ),
    "a graph that is handed in": (
        "import langgraph\ndef a(the_graph):\n for step in the_graph.stream(1): work()\ndef b(client): client.stream(1)",
        {"What runs agents and graphs": ["shop:a"]},
    ),
    "what runs agents": (
        "from pydantic_ai import Agent\nfrom agents import Runner\nbot = Agent('m')\nasync def a(): return await bot.run('')\n"
        "def b():\n def c(): return bot.run_sync('')\n return c\nasync def d(x): return await Runner.run(x, '')\n"
        "def e(): return subprocess.run('')",
        {"What runs agents and graphs": ["shop:a", "shop:b.<locals>.c", "shop:d"]},
    ),
    "commands": (
        {
            "__init__.py": "import click, typer\napp = typer.Typer()\n@click.command()\ndef a(): work()\n"
            "@app.command('x')\ndef serve(): work()",
            "management/commands/load.py": "from django.core.management.base import BaseCommand\n"
            "class Command(BaseCommand):\n def handle(self): work()",
        },
        {"Commands": ["shop:a", "shop:serve", "shop.management.commands.load:Command.handle"]},
    ),
    "entry points": (
        {"a.py": "def main(): work()\ndef handle(event, context): work()", "manage.py": "def main(): work()"},
        {"Entry points": ["shop.a:main", "shop.a:handle"]},
    ),
    "public functions, where nothing else is": (
        {
            "__init__.py": "from .deep import load, _own\nfrom os import path\ndef main(): work()\ndef a(): work()\ndef _b(): work()\n"
            "def c(): return 1\nclass K:\n def d(self): work()\n def _e(self): work()",
            "deep.py": "def load(): work()\ndef _own(): work()\ndef other(): work()",
        },
        {"Entry points": ["shop:main"], "Public functions": ["shop:a", "shop:K.d", "shop.deep:load"]},
    ),
    "each function once": (
        "class RunAgent:\n @app.task\n def run(self): work()\n @app.task\n def run(self): work()",
        {"Agents": ["shop:RunAgent.run"]},
    ),
    "scripts and type checkers": (
        "if __name__ == '__main__':\n @app.task\n def a(): work()\nif TYPE_CHECKING:\n @app.task\n def b(): work()\n"
        "else:\n @app.task\n def c(): work()",
        {"Tasks": ["shop:c"]},
    ),
    "tests and entry points": (
        dict.fromkeys(
            ("tests/x.py", "test_a.py", "conftest.py", "__main__.py", "no-module.py"), "@app.task\ndef a(): work()"
        ),
        {},
    ),
    "what is no Python": (
        {"a.py": "def (", "b.py": b"# \xff", "c.py": "x = '\0'", "d.py": "@app.task\ndef d(): work()"},
        {"Tasks": ["shop.d:d"], "unread": ["shop/a.py", "shop/b.py", "shop/c.py"]},
    ),
    "names that lead in a circle": (
        {"__init__.py": "from .b import x\ny = y\nhandoff(y, on_handoff=x)", "b.py": "from . import x"},
        {"unclear": ["shop/__init__.py:3: on_handoff=x"]},
    ),
    "classes in a circle": (
        "class A(B):\n f = handoff(a, on_handoff=cls.x)\nclass B(A):\n pass",
        {"unclear": ["shop/__init__.py:2: on_handoff=cls.x"]},
    ),
}

# agent and type of handoff(..., on_handoff=on_it): the source, and what it says
AGENTS = {
    "a variable": (
        "bot = Agent(name='Vision Analyzer')\nhandoff(bot, on_handoff=on_it)",
        ("Vision Analyzer", "vision_analysis"),
    ),
    "a keyword": ("handoff(agent=Agent('Billing agent'), on_handoff=on_it)", ("Billing agent", "billing")),
    "a constant": (
        "NAME = 'refund_checker'\nb = Agent(name=NAME)\nhandoff(b, on_handoff=on_it)",
        ("refund_checker", "refund_check"),
    ),
    "a factory": (
        "def make(m):\n inner = Agent(name='x')\n return inner\nhandoff(make(1), on_handoff=on_it)",
        ("x", "x"),
    ),
    "an attribute": (
        "class D:\n def __init__(self):\n  self.bot, self.b = Agent(name='photo_fetcher'), 2\n"
        "  handoff(self.bot, on_handoff=on_it)",
        ("photo_fetcher", "photo_fetch"),
    ),
    "nothing but the function's name": ("handoff(bots[0], on_handoff=on_it)", ("on_it", "on_it")),
    "a name like a handoff": (
        "def _on_refund_handoff(c): work()\nhandoff(x, on_handoff=_on_refund_handoff)",
        ("refund", "refund"),
    ),
    "an f-string": ("handoff(Agent(name=f'{x}'), on_handoff=on_it)", ("on_it", "on_it")),
    "text that TOML must escape": (
        "handoff(Agent(name='a\"\\\\${b}\\x7f\\n'), on_handoff=on_it)",
        ('a"\\${b}\x7f\n', "a_b"),
    ),
}
DEEDS = {
    "vision_analyzer": "vision_analysis",
    "SchemaExtractor": "schema_extraction",
    "sharepoint uploader": "sharepoint_upload",
    "photo_fetcher": "photo_fetch",
    "Summarizer Agent": "summarization",
    "IntentClassifier": "intent_classification",
    "trip-planner": "trip_plan",
    "writer": "write",
    "triage": "triage",
    "agent": "handoff",
    "": "handoff",
}


def lay_out(folder: Path, source: str | dict[str, str | bytes]) -> None:
    files = source if isinstance(source, dict) else {"__init__.py": source}
    for name, text in {"__init__.py": "", **files}.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def summary(proposal: Proposal) -> dict[str, object]:
    found: dict[str, object] = {kind: [c.function.target for c in several] for kind, several in proposal.spans.items()}
    found["handoff"] = [handoff.function.target for handoff in proposal.handoffs]
    found |= {"out_of_reach": proposal.out_of_reach, "unclear": proposal.unclear}
    found |= {"unread": [unread.file for unread in proposal.unread]}
    return {kind: value for kind, value in found.items() if value}


@pytest.mark.parametrize("case", FOUND)
def test_finds_what_the_source_tells(tmp_path: Path, case: str) -> None:
    source, expected = FOUND[case]
    lay_out(tmp_path, source)
    proposal = propose("shop", str(tmp_path), [])
    assert summary(proposal) == expected
    assert write(proposal) == write(propose("shop", str(tmp_path), []))
    tomllib.loads(write(proposal))


@pytest.mark.parametrize("case", AGENTS)
def test_handoff_bears_the_agents_own_name(tmp_path: Path, case: str) -> None:
    source, expected = AGENTS[case]
    lay_out(tmp_path, f"def on_it(ctx): work()\n{source}")
    (tmp_path / "tracing.toml").write_text(write(propose("shop", str(tmp_path), [])), encoding="utf-8")
    from erni_run.config.read import read

    (span,) = read(str(tmp_path / "tracing.toml"), {}, "x").plan.spans
    assert (span.attributes["agent"], span.attributes["handoff_type"]) == expected


@pytest.mark.parametrize("agent", DEEDS)
def test_type_is_what_the_agent_does(agent: str) -> None:
    assert deed(agent) == DEEDS[agent]


REDACTED = [glob.strip("*") for glob in CapturePlan.redact]


@pytest.mark.parametrize(
    ("parameters", "sure", "doubtful"),
    [
        ("photos: list[str], n: int", {"photos.count": "len(photos)"}, {}),
        ("self, rows: 'typing.Sequence[int]', *, by: dict", {"rows.count": "len(rows)", "by.count": "len(by)"}, {}),
        ("photos: list[str] | None = None, *args: list[int], **more: dict", {}, {}),
        ("order_id: UUID, id: str, price: 'not(", {}, {}),
        ("order_id: UUID, id: str, paid: int", {}, {"order_id": "order_id", "id": "id"}),
        *((f"{name}s: list[str], {name}_id: str", {}, {}) for name in REDACTED),
    ],
)
def test_captures_count_and_never_show_values(
    tmp_path: Path, parameters: str, sure: dict[str, str], doubtful: dict[str, str]
) -> None:
    if parameters.endswith("'not("):
        parameters, doubtful = parameters + "'", {"order_id": "order_id", "id": "id"}
    lay_out(tmp_path, f"class An(Agent):\n def run({parameters}): work()")
    ((candidate,),) = propose("shop", str(tmp_path), []).spans.values()
    found = captures(candidate.function)
    assert (found.sure, found.doubtful) == (sure, doubtful)


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("shop", "shop.web:a"),
        ("shop.web", "shop.web:a"),
        ("./shop", "shop.web:a"),
        ("shop/web.py", "shop.web:a"),
        ("plain", "plain.web:a"),
        ("./plain", "web:a"),
        ("web", "web:a"),
        ("zipped-name", "inner:a"),
        ("web.py", "web:a"),
        ("src/inner", "inner.deep:a"),
        ("src/inner/deep.py", "inner.deep:a"),
    ],
)
def test_package_is_named_or_pointed_at(tmp_path: Path, package: str, module: str) -> None:
    handler = "@app.task\ndef a(): work()\n"
    packages = ("shop/__init__.py", "shop/web.py", "src/inner/__init__.py", "src/inner/deep.py")
    for file in (*packages, "plain/web.py", "path/web.py", "zipped-name/inner.py", "web.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).write_text("" if file.endswith("__init__.py") else handler)
    found = propose(package, str(tmp_path), [str(tmp_path / "path")])
    assert summary(found) == {"Tasks": [module]}


def test_folder_holds_what_can_be_imported_from_it(tmp_path: Path) -> None:
    named = ("client.py", "shop/__init__.py", "src/inner/deep.py", "launcher/kit.py")
    left = ("tests/a.py", "docs/conf.py", "build/lib/shop.py", ".venv/x.py", "env/pyvenv.cfg", "env/x.py", "no-name.py")
    for file in (*named, *left):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).write_text("@app.task\ndef a(): work()\n" if file.endswith(".py") else "")
    found = propose(".", str(tmp_path), [str(tmp_path / "launcher")])
    assert summary(found) == {"Tasks": ["client:a", "inner.deep:a", "kit:a", "shop:a"]}
    assert found.service == tmp_path.name


def test_doubtful_entries_are_comments(tmp_path: Path) -> None:
    lay_out(tmp_path, "import click\n@click.command()\ndef serve(): work()\n@click.command()\ndef load(): work()")
    text = write(propose("shop", str(tmp_path), []))
    assert [span["target"] for span in tomllib.loads(text)["span"]] == ["shop:load"]
    assert (
        "# It may serve until it is stopped, and all of that becomes one trace. Take the # off if that is what you want.\n"
        '# [[span]]\n# target = "shop:serve"\n'
    ) in text


def test_source_is_read_and_not_run(workshop: Workshop) -> None:
    workshop.write("shop/__init__.py", "import os; os._exit(9)\n@app.task\ndef a(): work()\n")
    done = workshop.run("erni-run", "init", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert "shop:a" in done.stdout


def test_the_agencys_handoffs_are_found_as_they_were_written_by_hand() -> None:
    done = subprocess.run([f"{BIN}/erni-run", "init", "agency"], cwd=ROOT, capture_output=True, text=True)
    by_hand = tomllib.loads((ROOT / "tracing.toml").read_text(encoding="utf-8"))
    proposed = tomllib.loads(done.stdout)
    assert proposed["handoff"] == by_hand["handoff"]
    targets = {span["target"] for span in proposed["span"]}
    assert "agency.orchestrator:ErniWorkflowOrchestratorAgent.run" in targets
    assert "agency.routes.batches:process_batch" in targets


def test_check_accepts_what_is_proposed_for_the_agency(tmp_path: Path) -> None:
    proposed = tmp_path / "proposed.toml"
    subprocess.run([f"{BIN}/erni-run", "init", "agency", "-o", proposed], cwd=ROOT, check=True, capture_output=True)
    done = subprocess.run([f"{BIN}/erni-run", "check", "-c", proposed], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


WORKER = """
    from celery import Celery, shared_task
    from starlette.applications import Starlette
    from starlette.routing import Route

    app = Celery("shop")

    async def front(request):
        return request

    web = Starlette(routes=[Route("/", front)])

    @app.task(bind=True)
    def resize(self, photo_ids: list[str]):
        return photo_ids

    @shared_task
    def sweep():
        return resize
"""
DESK = """
    import functools
    from .routing import job, route

    class Clerk:
        def _on_refund_handoff(self, ctx, orders: list[str]):
            return orders

    class Desk(Clerk):
        def __init__(self, handoff, Agent):
            refunds = Agent(name="Refund Clerk")
            self.handoffs = [
                handoff(refunds, on_handoff=self._on_refund_handoff),
                handoff(refunds, on_handoff=functools.partial(self.__wait, 3)),
            ]

        def __wait(self, seconds, ctx):
            return seconds

    class DeskAgent:
        async def run(self, order_id: str):
            return order_id

    @route("/orders/<order_id>")
    def order(order_id: str):
        return order_id

    @job("low")
    def tidy(days: "tuple[int, ...]" = ()):
        return days
"""
ROUTING = """
    import functools

    class Job:
        def __init__(self, function):
            self.function = function

    def job(queue):
        return Job

    def route(path):
        def register(view):
            @functools.wraps(view)
            def guarded(*arguments):
                return view(*arguments)
            return guarded
        return register
"""


KIT = """
    def function_tool(function):
        return function

    class Kit:
        @property
        def tools(self):
            @function_tool
            def look(place):
                return place
            return [look]

        async def more(self):
            class Tools:
                @function_tool
                def find(self, place):
                    return place
            return Tools()
"""


CONDITIONS = """
    import functools, sys

    def retry(function):
        @functools.wraps(function)
        def again(*arguments, **keywords): return function(*arguments, **keywords)
        return again

    class Desk:
        @retry
        def _on_vision_handoff(self, ctx, photos: list[str]): return photos

    if sys.platform == "win32":
        @function_tool
        def look(place): return place
    try:
        import not_there
    except ImportError:
        pass
    else:
        class SpareAgent:
            def run(self, photos: list[str]): return photos
"""


GRAPHS = """
    class Compiled:
        def invoke(self, state): return state

    class StateGraph:
        def compile(self): return Compiled()
"""
COMMANDS = """
    import click
    from graphs import StateGraph
    from starlette.applications import Starlette
    from starlette.endpoints import HTTPEndpoint
    from starlette.routing import Route

    class Front(HTTPEndpoint):
        async def get(self, request): return request

    web = Starlette(routes=[Route("/", Front)])

    @click.group()
    def cli(): pass

    @cli.command()
    @click.argument("name")
    def load(name): print(name)

    graph = StateGraph().compile()

    class Desk:
        async def answer(self, n): return graph.invoke(n)

    def public(): return print()
"""
SHOP = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    "shop/__init__.py": "",
    "shop/settings.py": "INSTALLED_APPS = ['shop']\nSECRET_KEY = 'x'\nROOT_URLCONF = 'shop.urls'\n",
    "shop/models.py": """
        from django.db import models
        class Item(models.Model): pass
    """,
    "shop/views.py": """
        from django.contrib.auth.decorators import login_required
        from django.views import View
        from shop.models import Item
        def index(request): return Item.objects.count()
        @login_required
        def private(request): return index(request)
        class Items(View):
            def get(self, request): return index(request)
    """,
    "shop/urls.py": """
        from django.urls import path
        from django.views.decorators.cache import cache_page
        from shop import views
        urlpatterns = [
            path("", cache_page(60)(views.index)), path("p", views.private), path("i", views.Items.as_view()),
        ]
    """,
    "shop/management/commands/load.py": """
        from django.core.management.base import BaseCommand
        class Command(BaseCommand):
            def handle(self, *args, **options): print(args)
    """,
}


def test_check_accepts_what_is_proposed_for_django(workshop: Workshop) -> None:
    pytest.importorskip("django")
    for name, text in SHOP.items():
        workshop.write(name, text)
    done = workshop.run("erni-run", "init", ".", "-o", "tracing.toml")
    assert "4 entries proposed" in done.stdout
    checked = workshop.run("erni-run", "check")
    assert (checked.returncode, "all 4 entries would be traced" in checked.stdout) == (0, True), checked.stdout


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"shop/__init__.py": COMMANDS, "graphs.py": GRAPHS}, 3),
        ({"shop/__init__.py": CONDITIONS}, 1),
        ({"shop/__init__.py": KIT}, 2),
        ({"shop/__init__.py": "", "shop/worker.py": WORKER}, 3),
        ({"shop/desk.py": DESK, "shop/routing.py": ROUTING}, 5),
    ],
    ids=[
        "commands, views and runs",
        "conditions and decorators",
        "tools within functions",
        "Celery and Starlette",
        "frameworks of one's own",
    ],
)
def test_check_accepts_what_is_proposed(workshop: Workshop, files: dict[str, str], count: int) -> None:
    for name, text in files.items():
        workshop.write(name, text)
    done = workshop.run("erni-run", "init", "shop", "-o", "tracing.toml")
    comments = ", 2 more as comments" if files.get("shop/__init__.py") == CONDITIONS else ""
    entries = "1 entry" if count == 1 else f"{count} entries"
    assert f": {entries} proposed{comments}; " in done.stdout
    checked = workshop.run("erni-run", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_entry_says_where_its_function_stands(workshop: Workshop) -> None:
    workshop.write("shop/__init__.py", WORKER)
    lines = workshop.run("erni-run", "init", "shop").stdout.splitlines()
    source = textwrap.dedent(WORKER).strip().splitlines()
    for number, line in enumerate(lines):
        if line == "[[span]]":
            place = lines[number - 1].partition(": ")[0].removeprefix("# shop/__init__.py:")
            function = ast.literal_eval(lines[number + 1].removeprefix("target = ")).removeprefix("shop:")
            assert f"def {function}(" in source[int(place) - 1]


OR_ELSE = "write the name of a package, or the path of a folder or file"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop", "-o", "there.toml"), "erni-run: there.toml exists, nothing was written: --force replaces it\n"),
        (("shop", "-o", "no/where.toml"), "erni-run: no/where.toml cannot be written: No such file or directory\n"),
        (("nothing",), "erni-run: no package or folder 'nothing' here or where Python looks for modules\n"),
        (("_struct",), "erni-run: '_struct' is not written in Python: there is no source to read\n"),
        (("sys",), "erni-run: 'sys' is not written in Python: there is no source to read\n"),
        (("gone.py",), f"erni-run: gone.py is not there; {OR_ELSE}\n"),
        (("shop/gone",), f"erni-run: shop/gone is not there; {OR_ELSE}\n"),
        (("there.toml",), f"erni-run: there.toml is no Python file: its name does not end in .py; {OR_ELSE}\n"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_in_one_line(workshop: Workshop, arguments: tuple[str, ...], said: str) -> None:
    workshop.write("shop/__init__.py", "")
    workshop.write("there.toml", "kept\n")
    done = workshop.run("erni-run", "init", *arguments)
    assert (done.returncode, done.stderr, done.stdout) == (2, said, "")
    assert (workshop.folder / "there.toml").read_text() == "kept\n"


def test_force_replaces_the_file(workshop: Workshop) -> None:
    workshop.write("shop/__init__.py", "")
    workshop.write("there.toml", "kept\n")
    done = workshop.run("erni-run", "init", "shop", "-o", "there.toml", "--force")
    assert done.stdout == "there.toml: 0 entries proposed; try them: erni-run check --config there.toml\n"
    assert "Nothing was found" in (workshop.folder / "there.toml").read_text()


def test_config_is_not_for_init(workshop: Workshop) -> None:
    done = workshop.run("erni-run", "--config", "there.toml", "init", "shop")
    assert done.returncode == 2
    assert "reads none" in done.stderr


@pytest.mark.parametrize("package", ["click", "celery", "starlette", "asyncio", "erni_run"])
def test_whole_packages_are_read_without_a_failure(package: str) -> None:
    proposal = propose(package, str(ROOT), sys.path)
    tomllib.loads(write(proposal))
    assert proposal.unread == []


def test_program_that_is_called_init_can_be_started(workshop: Workshop) -> None:
    workshop.write("bin/init", "#!/bin/sh\necho started $1\n", 0o755)
    workshop.environ["PATH"] = f"{workshop.folder}/bin:{workshop.environ['PATH']}"
    assert shutil.which("init", path=workshop.environ["PATH"])
    assert workshop.run("erni-run", "--", "init", "shop").stdout == "started shop\n"
