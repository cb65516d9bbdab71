"""Cleaning: bytes to framed records, records to typed canonical columns, rejects with reasons.

What belongs here: pure functions of bytes, frames and a contract. What does not: databases, and
anything that one source alone needs (``ecorse.sources``).
"""
