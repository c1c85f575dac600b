"""Strict YAML 1.2 reading in which every key and value knows its file, line and column.

    load_source   file -> Source       size, encoding and existence, as InputError
    read_yaml     Source -> YamlNode   a tree of Scalar, ListNode, MapNode; collects all mistakes

Used by models and by styles alike; `comments` reads the same text to rewrite it.  PyYAML
supplies the event stream and nothing else: its loaders read YAML 1.1, keep the last of two equal
keys, and lose the positions.
"""

from framework.source.load import load_source
from framework.source.nodes import ListNode, MapNode, Scalar, YamlNode
from framework.source.read import read_yaml

__all__ = [
    "ListNode",
    "MapNode",
    "Scalar",
    "YamlNode",
    "load_source",
    "read_yaml",
]
