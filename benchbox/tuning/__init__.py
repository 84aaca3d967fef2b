"""Noise levels tuned for a model, a sampler and a budget: what `benchbox tune` runs."""
