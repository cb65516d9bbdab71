"""From staging to a published night: marts, builds, audit, publishing.

What belongs here: making and publishing a build. What does not: training a model
(``ecorse.training``).
"""
