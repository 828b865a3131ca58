"""Time: interleaved rounds, intervals, verdicts."""
