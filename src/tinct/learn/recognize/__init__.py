"""Train to recognise pictures by their colours: candidates, choice of the best, model file."""
