"""What a person knows about a picture's colours, and how far it carries."""
