"""What ``make run`` starts and stops: Airflow beside the embedded Postgres.

What belongs here: the life of other programs. What does not: anything a night does.
"""
