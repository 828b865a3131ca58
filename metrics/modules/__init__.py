"""The metrics as ``torchmetrics.Metric``: one class a module, public from ``vidgauge.metrics``."""
