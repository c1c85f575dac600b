"""Graph -> graph: pure functions that return a new graph."""
