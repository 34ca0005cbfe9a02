"""Tables: sheets filled with results, as csv, Markdown and LaTeX."""
