"""The parts of Make-A-Video; ``systems/make_a_video.py`` puts them together."""
