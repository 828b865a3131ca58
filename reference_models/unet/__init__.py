"""The parts that the U-Nets on video share: what each system's own file puts together as its paper says."""
