"""Every question about pictures on disk; needs no PyTorch."""
