"""Training to recognise pictures by their colours: data, candidates, choice, model file."""
