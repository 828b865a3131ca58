"""From noise to video: one file a sampler, and the loop they share."""
