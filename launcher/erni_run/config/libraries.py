"""The libraries that can be instrumented: data alone, nothing is imported.

Names are the entry points of ``opentelemetry_instrumentor``, as OTEL_PYTHON_DISABLED_INSTRUMENTATIONS takes them, of
opentelemetry-python-contrib 0.66b1 and the genai packages 1.3b0.

Four are left out: ``logging`` and ``structlog`` (they add handlers of their own, which changes what the app prints; log
context is injected by erni-run itself), ``system_metrics`` and ``exceptions`` (they patch no library).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Library:
    """One library: instrumentor ``"package.module:Class"`` is switched on at the first import of ``module``.

    ``distribution`` is what pip installs; ``auto`` tells whether ``enable = "auto"`` includes it.
    """

    __slots__ = ("auto", "distribution", "instrumentor", "module", "name")

    def __init__(self, name: str, module: str, instrumentor: str, package: str = "", auto: bool = True) -> None:
        self.name = name
        self.module = module
        self.instrumentor = "opentelemetry.instrumentation." + instrumentor
        self.distribution = "opentelemetry-instrumentation-" + (package or name)
        self.auto = auto


_TABLE = (
    Library("aio-pika", "aio_pika", "aio_pika:AioPikaInstrumentor"),
    Library("aiobotocore", "aiobotocore", "botocore:AiobotocoreInstrumentor", "botocore"),
    Library("aiohttp-client", "aiohttp", "aiohttp_client:AioHttpClientInstrumentor"),
    Library("aiohttp-server", "aiohttp.web", "aiohttp_server:AioHttpServerInstrumentor"),
    Library("aiokafka", "aiokafka", "aiokafka:AIOKafkaInstrumentor"),
    Library("aiopg", "aiopg", "aiopg:AiopgInstrumentor"),
    Library("asyncclick", "asyncclick", "asyncclick:AsyncClickInstrumentor"),
    Library("asyncpg", "asyncpg", "asyncpg:AsyncPGInstrumentor"),
    Library("boto3", "boto3", "boto3sqs:Boto3SQSInstrumentor", "boto3sqs"),
    Library("botocore", "botocore", "botocore:BotocoreInstrumentor"),
    Library("cassandra", "cassandra", "cassandra:CassandraInstrumentor"),
    # What Celery() imports. "celery" and "celery.app" are imported before gevent or eventlet has patched all that the
    # instrumentation imports.
    Library("celery", "celery.fixups", "celery:CeleryInstrumentor"),
    Library("confluent_kafka", "confluent_kafka", "confluent_kafka:ConfluentKafkaInstrumentor", "confluent-kafka"),
    Library("django", "django.core.handlers.base", "django:DjangoInstrumentor"),
    Library("falcon", "falcon", "falcon:FalconInstrumentor"),
    Library("fastapi", "fastapi", "fastapi:FastAPIInstrumentor"),
    Library("flask", "flask", "flask:FlaskInstrumentor"),
    Library("grpc_aio_client", "grpc", "grpc:GrpcAioInstrumentorClient", "grpc"),
    Library("grpc_aio_server", "grpc", "grpc:GrpcAioInstrumentorServer", "grpc"),
    Library("grpc_client", "grpc", "grpc:GrpcInstrumentorClient", "grpc"),
    Library("grpc_server", "grpc", "grpc:GrpcInstrumentorServer", "grpc"),
    Library("httpx", "httpx", "httpx:HTTPXClientInstrumentor"),
    Library("httpx2", "httpx2", "httpx:HTTPX2ClientInstrumentor", "httpx"),
    Library("kafka", "kafka", "kafka:KafkaInstrumentor", "kafka-python"),
    Library("mysql", "mysql.connector", "mysql:MySQLInstrumentor"),
    Library("mysqlclient", "MySQLdb", "mysqlclient:MySQLClientInstrumentor"),
    Library("openai", "openai", "genai.openai:OpenAIInstrumentor", "genai-openai"),
    Library("openai_agents", "agents", "genai.openai_agents:OpenAIAgentsInstrumentor", "genai-openai-agents"),
    Library("pika", "pika", "pika:PikaInstrumentor"),
    Library("psycopg", "psycopg", "psycopg:PsycopgInstrumentor"),
    Library("psycopg2", "psycopg2", "psycopg2:Psycopg2Instrumentor"),
    Library("pymemcache", "pymemcache", "pymemcache:PymemcacheInstrumentor"),
    Library("pymongo", "pymongo", "pymongo:PymongoInstrumentor"),
    Library("pymssql", "pymssql", "pymssql:PyMSSQLInstrumentor"),
    Library("pymysql", "pymysql", "pymysql:PyMySQLInstrumentor"),
    Library("pyramid", "pyramid", "pyramid:PyramidInstrumentor"),
    Library("redis", "redis", "redis:RedisInstrumentor"),
    Library("remoulade", "remoulade", "remoulade:RemouladeInstrumentor"),
    Library("requests", "requests", "requests:RequestsInstrumentor"),
    Library("sqlalchemy", "sqlalchemy", "sqlalchemy:SQLAlchemyInstrumentor"),
    Library("starlette", "starlette", "starlette:StarletteInstrumentor"),
    Library("tornado", "tornado", "tornado:TornadoInstrumentor"),
    Library("tortoiseorm", "tortoise", "tortoiseorm:TortoiseORMInstrumentor"),
    Library("urllib3", "urllib3", "urllib3:URLLib3Instrumentor"),
    # Not in "auto". asyncio, threading and click are imported by processes that never asked for them, and would load
    # OpenTelemetry at once: asyncio traces nothing until it is configured, threading carries the context into threads,
    # where an app without it has none, click turns the whole life of a server into one span. jinja2 makes three spans
    # a page. sqlite3 and urllib are used inside other libraries (caches, SDKs), whose insides they would report.
    Library("asyncio", "asyncio", "asyncio:AsyncioInstrumentor", auto=False),
    Library("click", "click", "click:ClickInstrumentor", auto=False),
    Library("jinja2", "jinja2", "jinja2:Jinja2Instrumentor", auto=False),
    Library("sqlite3", "sqlite3", "sqlite3:SQLite3Instrumentor", auto=False),
    Library("threading", "threading", "threading:ThreadingInstrumentor", auto=False),
    Library("urllib", "urllib.request", "urllib:URLLibInstrumentor", auto=False),
)

LIBRARIES = {library.name: library for library in _TABLE}
"""Every known library by name."""


def installation(distributions: "Iterable[str]") -> str:
    """The command that installs ``distributions``, once each.

    It names erni-run as well: pip looks at the pins of what it is given alone, and would else replace OpenTelemetry's
    packages by newer ones, which do not fit the SDK.
    """
    return " ".join(["pip install erni-run", *sorted(set(distributions))])
