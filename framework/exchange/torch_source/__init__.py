"""From a graph to the parts of a PyTorch file: scopes, classes, forward functions, text."""
