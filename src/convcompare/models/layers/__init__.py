"""Layers for any network: activations, attention, convolutions, pools, residual blocks."""
