"""tracing.toml as pydantic models: every section and option, its default and what editors say of it.

The models mirror the file: durations and sizes stay text here, ``build`` makes the ``Plan`` of them. Field names are
the keys of the file. How values are checked stands in ``value``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from erni_run.config import value
from erni_run.config.rules import Wrong
from erni_run.plan import CONTROL_FLOW, CapturePlan


class Section(BaseModel):
    """What all sections share: nothing may change later and no key is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Service(Section):
    """[service]"""

    name: value.Text = Field(
        default="", description="The service's name. Default: what the command starts. OTEL_SERVICE_NAME wins."
    )
    version: value.Text = Field(default="", description="The service's version.")
    environment: value.Text = Field(
        default="${ENVIRONMENT:-}",
        description="deployment.environment.name and deployment.environment of every span; empty: not reported.",
    )
    attributes: dict[value.ResourceKey, value.Attribute] = Field(
        default={}, description="Further resource attributes. OTEL_RESOURCE_ATTRIBUTES wins key by key."
    )


class Export(Section):
    """[export]"""

    endpoint: value.Endpoint = Field(
        default="http://localhost:4317",
        description="The collector's URL. OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT win.",
    )
    protocol: value.Protocol = Field(
        default="grpc", description="How spans travel. console prints them, none drops them."
    )
    headers: dict[value.HeaderName, value.Header] = Field(
        default={}, description="Sent with every request; never printed."
    )
    compression: value.Compression = Field(default="gzip", description="Compression of requests.")
    timeout: value.Duration = Field(default="10s", description="How long one request may take.")
    certificate: value.Text = Field(default="", description="CA file that signed the collector's certificate.")
    client_certificate: value.Text = Field(default="", description="Our certificate, for mTLS.")
    client_key: value.Text = Field(default="", description="The key of client_certificate.")
    exit_budget: value.Budget = Field(
        default="1.5s", description="The longest that tracing may delay the application's exit."
    )


class Spool(Section):
    """[spool]"""

    path: value.Text = Field(
        default="",
        description="The folder. Default: $ERNI_SPOOL_DIR, $XDG_STATE_HOME/erni-run, ~/.local/state/erni-run.",
    )
    max_size: value.Size = Field(
        default="256MiB", description="The most that may wait for one destination; the oldest go first."
    )
    max_age: value.Duration = Field(default="48h", description="Older spans are dropped and counted.")
    journal: value.Switch = Field(default=True, description="false keeps spans in memory only.")


class Rule(Section):
    """[[sampling.rule]]"""

    name: value.Text = Field(default="", description="Glob on the root span's name.")
    attribute: value.Text = Field(default="", description="The attribute of the root span to look at; needs matches.")
    matches: value.Text = Field(default="", description="Glob on the attribute's value.")
    ratio: value.Ratio = Field(description="The share of these traces to keep.")

    @model_validator(mode="after")
    def _matches_something(self) -> Rule:
        by_attribute = bool(self.attribute and self.matches)
        if bool(self.attribute) != bool(self.matches) or bool(self.name) == by_attribute:
            raise Wrong(
                "rule",
                'a rule has either name = "GET /health*" or both attribute = "url.path" and matches = "/health*"',
            )
        return self


class Sampling(Section):
    """[sampling]"""

    ratio: value.Ratio = Field(default=1.0, description="The share of traces to keep. OTEL_TRACES_SAMPLER[_ARG] win.")
    keep_errors: value.Switch = Field(default=False, description="Also keep every local trace that holds an error.")
    keep_slower_than: value.OptionalDuration = Field(
        default="", description="Also keep traces whose root lasts longer."
    )
    rule: list[Rule] = Field(default=[], description="The first that matches wins, before ratio.")


class Libraries(BaseModel):
    """[libraries]; each [libraries.NAME] holds keyword arguments for that instrumentor."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, dict[str, value.Keyword]]

    enable: value.Libraries = Field(
        default=None, description="auto: every installed instrumentation; or a list of names."
    )
    disable: list[value.Disabled] = Field(
        default=[], description='Names to leave out, "*" for all. OTEL_PYTHON_DISABLED_INSTRUMENTATIONS is added.'
    )


class Logs(Section):
    """[logs]"""

    inject: list[value.Logger] = Field(
        default=list(value.LOGGERS), description="Logging libraries whose lines carry the trace."
    )
    fields: list[value.LogField] = Field(
        default=["trace_id", "span_id", "service", "environment"], description="What the lines carry."
    )
    export: value.Switch = Field(default=False, description="Log records also go out as OTLP logs.")


class Metrics(Section):
    """[metrics]"""

    enabled: value.Metrics = Field(
        default="auto", description="Metrics about tracing itself; auto: where the collector takes them."
    )
    every: value.Duration = Field(default="30s", description="How often they are sent.")


class Capture(Section):
    """[capture]"""

    max_length: value.Length = Field(default=256, description="Longer strings are cut, in characters.")
    redact: list[value.Text] = Field(
        default=list(CapturePlan.redact),
        description="Globs on names of attributes, parameters and keys: their values never leave the process.",
    )
    exceptions: value.Switch = Field(default=True, description="Message and stack trace become an event of the span.")


class Reload(Section):
    """[reload]"""

    enabled: value.Switch = Field(default=True, description="Edit the file and spans change in the running processes.")
    every: value.Duration = Field(default="1s", description="How often the file is looked at.")


class Span(Section):
    """[[span]]"""

    target: value.Target = Field(description="module:qualified.name; * is a glob for one dotted part.")
    name: value.SpanName = Field(
        default="", description="Default: the qualified name. {module}, {class}, {function} are filled in."
    )
    kind: value.Kind = Field(default="internal", description="The span's kind.")
    attributes: dict[str, value.Attribute] = Field(default={}, description="Attributes of every span of this target.")
    capture: dict[str, value.Expression] = Field(
        default={}, description="Attribute = expression over the parameters, self, cls and result."
    )
    layer: value.Layer = Field(
        default="inner", description="inner: the function written there. outer: with its decorators."
    )
    mode: value.Mode = Field(
        default="call", description="context: for @contextmanager functions, current inside the with block."
    )
    current: value.Switch = Field(default=True, description="false leaves the items' path of a generator untouched.")
    cancelled: value.Outcome = Field(default="ok", description="What a cancelled coroutine counts as.")
    ignore: list[value.Ignored] = Field(
        default=list(CONTROL_FLOW), description="Exceptions that do not make an error span."
    )
    enabled: value.Switch = Field(default=True, description="false: checked, and otherwise ignored.")


class Handoff(Section):
    """[[handoff]]: sugar for a span around an agent's handoff."""

    agent: value.Text = Field(description="The agent; the span is called agent_handoff.<agent>.")
    type: value.Text = Field(description="The attribute handoff_type.")
    target: value.Target = Field(description="module:qualified.name of the function that hands over.")
    attributes: dict[str, value.Attribute] = Field(default={}, description="Further attributes.")
    capture: dict[str, value.Expression] = Field(
        default={}, description="Attribute = expression over the parameters, self, cls and result."
    )
    enabled: value.Switch = Field(default=True, description="false: checked, and otherwise ignored.")


class Document(Section):
    """tracing.toml, the configuration of erni-run."""

    service: Service = Field(default_factory=Service, description="Who is traced: the resource of every span.")
    export: Export = Field(default_factory=Export, description="Where spans go.")
    spool: Spool = Field(default_factory=Spool, description="Where spans wait for the collector.")
    sampling: Sampling = Field(default_factory=Sampling, description="Which traces are kept.")
    libraries: Libraries = Field(
        default_factory=lambda: Libraries.model_validate({}), description="Which libraries are instrumented."
    )
    logs: Logs = Field(default_factory=Logs, description="How log lines carry the trace.")
    metrics: Metrics = Field(default_factory=Metrics, description="Metrics about tracing itself.")
    capture: Capture = Field(default_factory=Capture, description="Bounds for the values of every span.")
    reload: Reload = Field(default_factory=Reload, description="Changes of this file while the application runs.")
    span: list[Span] = Field(default=[], description="Functions that become spans.")
    handoff: list[Handoff] = Field(default=[], description="Agents' handoffs that become spans.")
