"""The networks and what travels with their weights: DODN, its normalisation, model files.

The spectral-super-resolution teacher belongs here too; nothing in this package may need it to run
the student.
"""
