"""Diagrams: Graph -> Diagram -> Scene -> a file in one of many formats."""
