"""Making what ships of a trained system: its weights in float16, and the card that says where they come from."""
