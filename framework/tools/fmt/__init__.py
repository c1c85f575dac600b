"""`fmt`: the canonical text of a model file, with every comment at its place."""

from framework.tools.fmt.text import formatted, formatted_text

__all__ = ["formatted", "formatted_text"]
