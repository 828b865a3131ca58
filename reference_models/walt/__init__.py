"""What W.A.L.T is made of beside its transformer."""
