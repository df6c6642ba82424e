"""Widgets: frozen rows of ready text in, messages out."""
