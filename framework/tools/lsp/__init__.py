"""A language server for model files: mistakes, completion, hover, definitions, renaming.

outline      lines of a text that need not be YAML, each with the keys around it
context      what may stand at the cursor
complete     the words for it
occurrences  every id, block, argument and size with its uses, in a text that is YAML
inspect      what hover says
server       the protocol (the only module that imports pygls)
"""
