"""Plots: a chart is data; matplotlib draws it into a file, d3 into a page."""
