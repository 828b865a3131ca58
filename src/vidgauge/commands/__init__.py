"""The commands, one module each: `vidgauge <module>` calls the function of the same name."""
