"""Figure plug-ins: a file here is a kind of figure that the config may ask for."""
