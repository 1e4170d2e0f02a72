"""``erni-run check`` says what the run does: of applications that must be set up, of scripts, of libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

DJANGO = {
    "site1/__init__.py": "",
    "site1/settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['shop']\nROOT_URLCONF = 'shop.urls'\n",
    "site1/wsgi.py": """
        import os
        from django.core.wsgi import get_wsgi_application
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")
        application = get_wsgi_application()
    """,
    "shop/__init__.py": "",
    "shop/urls.py": "urlpatterns = []\n",
    "shop/models.py": """
        from django.db import models
        class Item(models.Model):
            price = models.IntegerField()
            def total(self): return self.price
    """,
    "run.py": """
        import os, django
        os.environ["DJANGO_SETTINGS_MODULE"] = "site1.settings"
        django.setup()
        from shop.models import Item
        print(Item(price=3).total())
    """,
}
MANAGE = {
    "manage.py": """
        import os, sys
        def main():
            os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')
            from django.core.management import execute_from_command_line
            execute_from_command_line(sys.argv)
        if __name__ == '__main__':
            main()
    """
}
ETL = {
    "etl.py": """
        import steps
        def load(): return steps.step()
        if __name__ == "__main__":
            print(load())
    """,
    "steps.py": "def step(): return 1\n",
}
DEEP = {"app/main.py": "import imaging\nprint(imaging.resize(1))\n", "app/imaging.py": "def resize(x): return x\n"}
ORDER = {  # which only works in the order of the application
    "shop/__init__.py": "",
    "shop/main.py": "import shop.registry\nfrom shop import views\napp = views.front\n",
    "shop/registry.py": "known = []\nimport shop.late\n",
    "shop/late.py": "import sys\nif 'shop.main' not in sys.modules: raise RuntimeError('import shop.main first')\n",
    "shop/views.py": "import shop.late\ndef front(): return 1\n",
}
OUT_OF_REACH = "is in the script itself, which runs before it could be instrumented"
HERE = "could not be tried: importing {} here raises "

# the files, the target, the command for check, and what check says: the exit code and a part of the problem or note
CASES: dict[str, tuple[Mapping[str, str], str, tuple[str, ...], int, str]] = {
    "Django, with manage.py": (DJANGO | MANAGE, "shop.models:Item.total", (), 0, ""),
    "Django, started by it": (DJANGO | MANAGE, "shop.models:Item.*", ("python", "manage.py", "runserver"), 0, ""),
    "Django, for a server": (DJANGO, "shop.models:Item.total", ("gunicorn", "-b", ":0", "site1.wsgi"), 0, ""),
    "Django, by -m": (DJANGO, "shop.models:Item.total", ("python", "-m", "gunicorn", "site1.wsgi"), 0, ""),
    "Django, by its command": (
        DJANGO,
        *("shop.models:Item.total", ("django-admin", "runserver", "--settings=site1.settings"), 0, ""),
    ),
    "Django, by a script": (DJANGO, "shop.models:Item.total", ("--", "python", "-u", "run.py"), 0, ""),
    "Django, unknown": (DJANGO, "shop.models:Item.total", (), 3, HERE.format("shop.models") + "ImproperlyConfigured"),
    "a script": (ETL, "etl:load", ("python", "etl.py"), 1, OUT_OF_REACH),
    "a script of a glob": (ETL, "et*:load", ("python", "etl.py"), 1, OUT_OF_REACH),
    "a script by -m": (ETL, "etl:load", ("python", "-W", "ignore", "-metl", "x"), 1, OUT_OF_REACH),
    "what a script imports": (ETL, "steps:step", ("python", "etl.py"), 0, ""),
    "what may be a script": (ETL, "etl:load", (), 0, "if the command is `python etl.py`, this is the script itself"),
    "a script's folder": (DEEP, "imaging:resize", ("python", "app/main.py"), 0, ""),
    "not a script's folder": (DEEP, "app.imaging:resize", ("python", "app/main.py"), 1, "no module 'app'"),
    "a server's folder": (DEEP, "imaging:resize", ("uvicorn", "--app-dir", "app", "main:app"), 0, ""),
    "a worker's application": (ORDER, "shop.views:front", ("celery", "-A", "shop.main", "worker"), 0, ""),
    "an order of imports": (ORDER, "shop.views:front", ("uvicorn", "shop.main:app", "--port", "0"), 0, ""),
    "no order of imports": (ORDER, "shop.views:front", (), 3, HERE.format("shop.views") + "RuntimeError: import shop"),
    "a part of a glob": (ORDER, "shop.*:front", (), 0, "importing shop.late here raises RuntimeError"),
    "a script without a guard": ({"s.py": "def f(): 1\nraise SystemExit(4)\n"}, "s:f", (), 3, "SystemExit: 4"),
    "a script of uv": (ETL, "etl:load", ("env", "python", "etl.py"), 1, OUT_OF_REACH),
    "threads that do not end": (
        {"t.py": "import threading\nthreading.Thread(target=threading.Event().wait).start()\ndef f(): 1\n"},
        *("t:f", (), 0, ""),
    ),
}


def lay_out(workshop: Workshop, files: Mapping[str, str], target: str) -> None:
    for name, text in files.items():
        workshop.write(name, text)
    workshop.write("tracing.toml", f'[libraries]\nenable = []\n[[span]]\ntarget = "{target}"\n')


@pytest.mark.parametrize("case", CASES)
def test_check_imports_as_the_command_would(workshop: Workshop, case: str) -> None:
    files, target, command, status, said = CASES[case]
    if "Django" in case:
        pytest.importorskip("django")
    lay_out(workshop, files, target)
    done = workshop.run("erni-run", "check", "--json", *command)
    assert done.returncode == status, done.stdout + done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert row["state"] == {0: "ok", 1: "fails", 3: "untried"}[status]
    sentences = " ".join([row["problem"], *row["notes"]])
    assert said in sentences if said else not sentences


RUNS = {  # the case, and what runs it
    "Django, by a script": ("python", "run.py"),
    "a script": ("python", "etl.py"),
    "a script by -m": ("python", "-metl"),
    "what a script imports": ("python", "etl.py"),
    "a script's folder": ("python", "app/main.py"),
}


@pytest.mark.parametrize("case", RUNS)
def test_run_says_and_does_the_same(workshop: Workshop, collector: Collector, case: str) -> None:
    files, target, _, status, said = CASES[case]
    if "Django" in case:
        pytest.importorskip("django")
    lay_out(workshop, files, target)
    done = workshop.run(
        "erni-run", *RUNS[case], environ={"OTEL_TRACES_EXPORTER": "otlp", **collector.environment("http/protobuf")}
    )
    assert done.returncode == 0
    assert said in done.stderr
    assert [span.name for span in collector.spans] == ([] if status else [target.partition(":")[2]])


def test_what_could_not_be_tried_is_counted_for_itself(workshop: Workshop) -> None:
    lay_out(workshop, ORDER, "shop.late:x")
    workshop.write(
        "tracing.toml",
        (workshop.folder / "tracing.toml").read_text()
        + "".join(f'[[span]]\ntarget = "{target}"\n' for target in ("shop.late:y", "shop:gone", "json:loads")),
    )
    done = workshop.run("erni-run", "check")
    assert done.returncode == 1
    assert done.stdout.count("RuntimeError: import shop.main first") == 1
    assert "could not be tried, as line 3" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "1 of 4 entries would not be traced, 2 of 4 entries could not be tried",
        "name the command that starts the application, and check does what comes before: check COMMAND",
    ]


LACKS = "lacks its instrumentation: pip install erni-run opentelemetry-instrumentation-tornado"


@pytest.mark.parametrize(
    ("config", "status", "mark"),
    [("", 0, "-"), ('[libraries]\nenable = ["tornado"]\n', 1, "FAILS"), ('[libraries]\ndisable = ["*"]\n', 0, "")],
)
def test_library_without_its_instrumentation_has_a_row_and_is_no_entry(
    workshop: Workshop, config: str, status: int, mark: str
) -> None:
    workshop.write("site/tornado.py", "")
    workshop.write("site/tornado-6.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: tornado\nVersion: 6.5\n")
    workshop.write("site/tornado-6.5.dist-info/top_level.txt", "tornado\n")
    workshop.write("main.py", "import tornado\ndef f(): pass\n")
    workshop.write("tracing.toml", f'{config}[[span]]\ntarget = "main:f"\n')
    done = workshop.run("erni-run", "check", environ={"PYTHONPATH": str(workshop.folder / "site")})
    lines = done.stdout.splitlines()
    assert done.returncode == status
    assert "1 entry would be traced" in lines
    row = f"  {mark:<5} library tornado  its instrumentation is not installed"
    assert (row in lines, f"1 library {LACKS}" in lines) == (bool(mark), bool(mark))


def test_module_of_the_application_that_bears_a_librarys_name_is_none(workshop: Workshop) -> None:
    lay_out(workshop, {"tornado.py": "def f(): pass\n"}, "tornado:f")
    workshop.write("tracing.toml", '[[span]]\ntarget = "tornado:f"\n')
    assert "library" not in workshop.run("erni-run", "check").stdout


def test_without_a_file_the_defaults_are_checked(workshop: Workshop) -> None:
    done = workshop.run("erni-run", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no tracing.toml here or above: these are the defaults\n")
    assert "library redis " in done.stdout  # it is installed
    assert "library falcon " not in done.stdout  # it is not
    workshop.write("main.py", "import redis\n")
    named = workshop.run("erni-run", "check", "--json", "python", "main.py")
    assert [row["name"] for row in json.loads(named.stdout)["rows"]] == ["redis"]


REFUSED = {
    "a command that is not there": (("pyton3",), 127, "pyton3: command not found"),
    "a Python that hides PYTHONPATH": (("python", "-I", "x.py"), 1, "nothing will be traced; remove -I"),
    "a Python without erni-run": (
        ("other/bin/python", "x.py"),
        1,
        "has no erni-run installed: nothing would be traced",
    ),
    "a module that ends the process": (
        ("python", "x.py"),
        2,
        "importing ends:f ended the scratch process with status 9",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_check_cannot_do_is_one_clear_message(workshop: Workshop, case: str) -> None:
    command, status, said = REFUSED[case]
    if "other/bin/python" in command:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", workshop.folder / "other"], check=True)
    lay_out(workshop, {"ends.py": "import os\nos._exit(9)\n", "x.py": ""}, "ends:f")
    done = workshop.run("erni-run", "check", *command)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1)
    assert said in done.stderr


def test_python_of_the_command_is_the_one_that_imports(workshop: Workshop) -> None:
    other = workshop.folder / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    own = next(path for path in sys.path if path.endswith("site-packages"))
    site = other / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    Path(site / "ours.pth").write_text(f"import site; site.addsitedir({own!r})\n")
    Path(site / "only_there.py").write_text("def f(): return 1\n")
    workshop.write("tool", f"#!{other}/bin/python -u\n", 0o755)
    lay_out(workshop, {}, "only_there:f")
    assert workshop.run("erni-run", "check").returncode == 1
    for command in (("other/bin/python", "-c", "pass"), ("./tool",)):
        done = workshop.run("erni-run", "check", *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_command_that_is_no_python_is_said_to_be_none(workshop: Workshop) -> None:
    lay_out(workshop, DEEP, "app.imaging:resize")
    done = workshop.run("erni-run", "check", "sh", "-c", "python app/main.py")
    assert done.returncode == 0
    assert done.stderr.startswith("erni-run: sh is no Python, so which one it starts is not known: tried with ")
    assert os.path.basename(sys.executable) in done.stderr
