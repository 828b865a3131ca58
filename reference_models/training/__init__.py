"""Training a pipeline, going on where it stopped, and sampling it into a folder of videos."""
