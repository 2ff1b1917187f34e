"""Recognising pictures by their colours, from a model file; and pictures to try it on."""
