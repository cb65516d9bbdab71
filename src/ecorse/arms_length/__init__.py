"""Foreign formats at arm's length: a named reader in a process of its own, within limits.

What belongs here: starting that process (``reading``), its limits (``limits``) and what runs in it
(``child``). What does not: any reader; they are named, ``module:function``, and imported by the
child alone.
"""
