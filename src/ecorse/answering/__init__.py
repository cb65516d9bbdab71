"""Recommendations out of a published night: its lists, its best sellers, its saved models.

What belongs here: answering a question (a basket, a customer, a session, words, a segment) without
training anything. What does not: making lists and models (``training``), the faces (``night``,
``cli``).
"""
