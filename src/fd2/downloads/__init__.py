"""Archives from the network: fetched completely or not at all, checked, unpacked."""
