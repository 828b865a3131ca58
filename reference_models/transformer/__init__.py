"""The parts that transformers on video share."""
