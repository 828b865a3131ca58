"""Weights of small trained systems that ship with the package, each with its card; see ``reference_models.shipped``."""
