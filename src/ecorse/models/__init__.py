"""What a model is: the contract between the nightly flow and every model.

What belongs here: protocols, declarations, decisions and the form of tables. What does not: any
model, any database access.
"""
