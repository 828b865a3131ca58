"""Autoencoders: from videos to the latents that the systems of latent space work on, and back."""
