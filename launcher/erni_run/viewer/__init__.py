"""The local trace backend: it speaks OTLP as any backend does, and knows nothing of the process that sends."""
