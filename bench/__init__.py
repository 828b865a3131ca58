"""Timing, memory and cost of layers and systems: how fast and how big."""
