"""Several systems trained, sampled, scored and profiled under one budget, in one common format.

``recipe.py`` says what is asked for, ``study.py`` does it: data, tuning, training, sampling, scores, profile, each unit
a file of this folder, skipped where its result is there. ``records.py`` says what comes out.
"""
