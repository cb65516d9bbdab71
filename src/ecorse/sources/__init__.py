"""Sources: how a shop's files are read, one module per source, and where they come from.

What belongs here: a source's contract and its canonical rows; ``origins`` (where files come from);
``shops`` (which shop uses which). What does not: cleaning rules' engine (``ecorse.clean``).
"""
