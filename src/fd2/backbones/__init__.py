"""Backbone plug-ins, found by file name."""
