"""The edge around the models: inputs, runs per shop, results, model files.

What belongs here: database and files on a model's behalf. What does not: any model.
"""
