"""Ecorse inside Airflow: assets, defaults, task bodies, callbacks, and what the UI page reads.

What belongs here: all that imports airflow, besides ``dags/`` and ``plugins/``. What does not:
work; a task body calls one function of ``ecorse.flow``, as the command line does.
"""
