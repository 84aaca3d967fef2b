"""Exact laws, orders, error budgets and conformance: what a sampler really does, measured as a black box."""
