"""Measures the library's speed beside a straightforward reference, on the machine it runs on."""
