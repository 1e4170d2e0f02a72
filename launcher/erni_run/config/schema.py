"""The JSON Schema of tracing.toml, for editors: ``python -m erni_run.config.schema`` writes schema.json anew."""

from __future__ import annotations

import json
import os

from erni_run.config.model import Document

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema.json")


def render() -> str:
    """The schema as the text of schema.json, made from the models (JSON Schema 2020-12)."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write schema.json."""
    with open(FILE, "w", encoding="utf-8") as file:
        file.write(render())


if __name__ == "__main__":
    main()
