"""How sure a number is: standard errors, intervals and tests, from what each source video contributes to it."""
