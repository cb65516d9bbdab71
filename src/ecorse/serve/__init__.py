"""The published night over HTTP: the REST API.

What belongs here: what applications ask over the network, who may ask, and how it is answered. What
does not: finding recommendations (``ecorse.answering``), making a night (``ecorse.flow``).
"""
