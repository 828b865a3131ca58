"""The preference study: people see two videos side by side and say which is better, without knowing whose they are."""
