"""The four readers of data sets: class folders with lists, JSON annotations, CSV of ids, folders of frames.

Each says which videos a split names, in the order of its lists; whether they are on disk is looked up elsewhere.
"""
