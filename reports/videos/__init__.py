"""Sample videos inside the page: found where records name them, cut to a few small clips, side by side."""
