"""Validation of the ruler: do protocols react to known damage, and to nothing but damage?"""
