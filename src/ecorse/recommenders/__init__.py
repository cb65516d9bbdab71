"""Recommenders: one file each, declared in ``include/models/recommend_<name>.toml``.

What belongs here: pure functions and ``Model`` classes, frames in and frames out. What does not:
features (``ecorse.features``), metrics (``ecorse.evaluate``), files and the database.
"""
