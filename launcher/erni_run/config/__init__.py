"""What tracing.toml and the environment mean: from text to a ``Plan``.

This room knows the configuration's language and nothing of how the application is started or traced. Importing the
package loads nothing; ``find`` and ``libraries`` stay free of heavy imports, ``read`` loads pydantic.
"""
