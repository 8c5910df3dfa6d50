"""Plug-ins for mtf: one of each kind."""
