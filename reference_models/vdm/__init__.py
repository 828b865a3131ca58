"""What Video Diffusion Models are made with: appendix A as data."""
