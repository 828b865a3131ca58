"""Counting what an operator computes, so that the cost formulas can be held against something."""
