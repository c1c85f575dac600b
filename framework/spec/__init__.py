"""The YAML front end: text -> `Document` -> typed `Graph`."""
