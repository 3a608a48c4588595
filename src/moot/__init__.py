"""moot puts language models and people in conversation with one another, on the record.

Importing this package must have no side effect and load no third-party code.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
