"""Videos in: decoding, clip sampling, data set layouts and the procedural Moving Shapes world."""
