"""All that needs PyTorch: data, networks, training, export."""
