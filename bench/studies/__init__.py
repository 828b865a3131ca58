"""Studies on top of the whole house: each runs the other rooms over one question."""
