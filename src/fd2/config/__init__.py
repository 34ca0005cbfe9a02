"""Settings: read, layered, validated, and cut into what each stage needs. No torch here."""
