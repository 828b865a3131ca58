"""What is measured: the layer zoo and the reference systems."""
