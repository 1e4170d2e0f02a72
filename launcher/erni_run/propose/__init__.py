"""A proposal for tracing.toml, made from a package's source. Nothing of the package is imported, nothing is run."""
