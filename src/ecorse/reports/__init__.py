"""What people read of a night: status, the page of nights, the doctor, the truth of a simulation.

What belongs here: reading and presenting. What does not: changing anything.
"""
