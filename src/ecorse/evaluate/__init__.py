"""Judging models: comparisons, drift, and the written rules of promotion."""
