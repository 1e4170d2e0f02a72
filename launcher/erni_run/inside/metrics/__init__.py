"""What tracing says of itself, as OTLP metrics: how many spans there were, and what became of them and their traces."""
