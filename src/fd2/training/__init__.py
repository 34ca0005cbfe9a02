"""Training parts that teachers and students share."""
