"""The page of results, and the words that go with what leaves the results folder."""
