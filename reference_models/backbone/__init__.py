"""One small U-Net whose convolutions, attention or training are others, and all else the same."""
