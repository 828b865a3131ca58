"""How good generated videos are: networks, statistics, protocols, scores."""
