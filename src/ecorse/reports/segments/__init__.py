"""The report on the segments of a night: what was found, why, what changed, what to do.

What belongs here: from the tables of one published night to a page per shop. What does not:
segments (``ecorse.segments``) and any figure that no table has.
"""
