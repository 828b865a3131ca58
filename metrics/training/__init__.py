"""How the networks that ship with the package are trained and checked, on Moving Shapes alone."""
