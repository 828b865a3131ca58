"""GenTron: sizes, patches and positions, and what sets motion apart from text."""
