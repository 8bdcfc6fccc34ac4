"""The module behind the course on residual networks."""
