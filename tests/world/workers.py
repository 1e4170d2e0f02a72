"""Workers: jobs that a broker, a clock or a client brings."""

from __future__ import annotations

from tests.world.application import Application, spans

_UUID = {r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "uuid"}

_RQ = {**_UUID, r"[0-9a-f]{32}": "worker", r"^\d\d:\d\d:\d\d ": "", r"PID \d+": "PID"}
_WELCOME = """
order
  apply_async/jobs.welcome (producer)
    run/jobs.welcome (consumer)
      welcome
        apply_async/jobs.welcome (producer)
          run/jobs.welcome (consumer)
            welcome
              apply_async/jobs.welcome (producer)
                run/jobs.welcome (consumer)
                  welcome
                    greet
"""
_DIVIDE = """
order
  apply_async/jobs.divide (producer)
    run/jobs.divide (consumer)
      divide
"""
_FAIL = """
order (error)
  apply_async/jobs.divide (producer)
    run/jobs.divide (consumer, error)
      divide (error)
"""

APPLICATIONS = (
    Application(
        name="Celery, a process for each task",
        program="celery",
        command="celery -A jobs worker --concurrency 2 --max-tasks-per-child 1 --without-mingle -l info",
        has_broker=True,
        asks=("$ python produce.py welcome fail",),
        is_ordered=False,
        varies={**_UUID, r"ForkPoolWorker-\d+": "worker"},
        tracing=spans("greetings:*", "jobs:welcome", "jobs:divide"),
        traces=(_WELCOME, _FAIL),
    ),
    Application(
        name="Celery, greenlets",
        program="celery",
        command="celery -A jobs worker --pool gevent --without-mingle -l info",
        has_broker=True,
        asks=("$ python produce.py divide",),
        is_ordered=False,
        varies=_UUID,
        tracing=spans("greetings:*", "jobs:divide"),
        traces=(_DIVIDE,),
    ),
    Application(
        name="RQ",
        program="rq",
        prepare=("python enqueue.py",),
        command="rq worker --burst --config settings",
        has_broker=True,
        varies=_RQ,
        tracing=spans("jobs:*"),
        traces=("greet", "divide (error)"),
    ),
    Application(
        name="RQ, spawned processes",
        program="rq",
        prepare=("python enqueue.py",),
        command="rq worker --burst --config settings --worker-class rq.worker.SpawnWorker",
        has_broker=True,
        varies=_RQ,
        tracing=spans("jobs:*"),
        traces=("greet", "divide (error)"),
    ),
    Application(
        name="dramatiq",
        program="dramatiq",
        command="dramatiq jobs --processes 1 --threads 1",
        has_broker=True,
        asks=("$ python produce.py",),
        is_ordered=False,
        varies={**_UUID, r"PID \d+": "PID"},
        tracing=spans("jobs:greet", "jobs:divide"),
        traces=("greet", "divide (error)"),
    ),
    Application(
        name="APScheduler, threads and processes",
        program="apscheduler",
        command="python main.py",
        is_ordered=False,
        tracing=spans("jobs:*"),
        traces=("greet", "divide (error)", "greet", "divide (error)"),
    ),
    Application(
        name="aiosmtpd",
        program="aiosmtpd",
        is_ordered=False,
        varies={r"127.0.0.1', [0-9]+": "client"},
        command="python -m aiosmtpd -n -l 127.0.0.1:{port} -c handlers.Inbox",
        asks=("$ python send.py {port}",),
        tracing=spans("handlers:Inbox.*", "spam:*"),
        traces=("Inbox.handle_DATA\n  score", "Inbox.handle_DATA (error)\n  score (error)"),
    ),
)
