"""What an application is called that nobody has named: by its command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from erni_run.start.service import service_name

from tests.collector import Collector
from tests.conftest import Workshop

NAMES = {
    # a command line in the folder /.../till: the name
    "gunicorn site1.wsgi": "site1",
    "gunicorn -w 4 -k uvicorn.workers.UvicornWorker site1.wsgi:application": "site1",
    "gunicorn site1.wsgi:create_app('x') --bind unix:gunicorn.sock": "site1",
    "gunicorn --bind unix:gunicorn.sock --preload site1.wsgi": "site1",
    "gunicorn -c gunicorn.conf.py": "gunicorn",
    "/opt/venv/bin/uvicorn --host localhost:80 --reload agency.main:app --port 80": "agency",
    "uvicorn --factory agency.main:create": "agency",
    "hypercorn --bind 0.0.0.0:80 agency:app": "agency",
    "python -m uvicorn agency.main:app": "agency",
    "celery -A shop.tasks worker": "shop",
    "celery --app=shop.tasks:app beat": "shop",
    "celery worker": "celery",
    "flask --app src/shop.py run": "shop",
    "flask --app shop:create_app run": "shop",
    "fastapi run agency/main.py": "agency",
    "streamlit run app.py --server.port 80": "app",
    "dramatiq shop.tasks": "shop",
    "python app.py": "app",
    "python main.py": "till",
    "python manage.py runserver": "till",
    "python shop/manage.py runserver": "shop",
    "python -X dev -Wd -u jobs/etl.py -m x": "etl",
    "python --check-hash-based-pycs never app.py": "app",
    "python -u -- app.py": "app",
    "python3.13 -m agency": "agency",
    "python -m agency.worker --fast": "agency",
    "python -um agency": "agency",
    "python -magency": "agency",
    "python .": "till",
    "python app.pyz": "app",
    "python -c pass": "unknown_service:python",
    "python3 -": "unknown_service:python3",
    "python": "unknown_service:python",
    "python -m": "unknown_service:python",
    "uv run python app.py": "app",
    "poetry run gunicorn site1.wsgi": "site1",
    "uv run": "uv",
    "./bin/start.sh": "start",
    "mytool --serve": "mytool",
}


@pytest.mark.parametrize("line", NAMES)
def test_service_is_called_after_what_is_started(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "till").mkdir()
    monkeypatch.chdir(tmp_path / "till")
    assert service_name(line.split(" ")) == NAMES[line]


def test_resource_says_what_is_known_and_nothing_else(workshop: Workshop, collector: Collector) -> None:
    workshop.write("work.py", "def sell(): pass\n")
    workshop.write("shop.py", "import work\nwork.sell()\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "work:*"\n')
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment("http/protobuf")}
    for variables in ({}, {"ENVIRONMENT": "test"}):
        workshop.run("erni-run", "python", "shop.py", environ=environ | variables)
    bare, named = (span.resource for span in collector.spans)
    assert (bare["service.name"], [key for key in bare if "environment" in key]) == ("shop", [])
    assert named["deployment.environment.name"] == named["deployment.environment"] == "test"
