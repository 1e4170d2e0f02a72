# The agency, traced. The collector's address is the container's to be told: -e OTLP_ENDPOINT=http://collector:4317

FROM python:3.11-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY launcher/ launcher/
RUN python -m venv /opt/agency \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /build/dist . \
    && /opt/agency/bin/pip install --no-cache-dir --constraint constraints.txt "$(ls /build/dist/*.whl)[agency]"

FROM python:3.11-slim
RUN useradd --create-home --uid 1000 agency
COPY --from=build /opt/agency /opt/agency
WORKDIR /app
COPY agency/ agency/
COPY tracing.toml ./
ENV PATH=/opt/agency/bin:$PATH PYTHONUNBUFFERED=1
USER 1000
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=3); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["erni-run"]
CMD ["uvicorn", "agency.main:app", "--host", "0.0.0.0", "--port", "8080"]
