"""From result files to tables and pictures: reading, summarising, wording, drawing."""
