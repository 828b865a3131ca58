"""What Align your Latents is built of: sizes, layers, masks of known frames, and what becomes of weights."""
