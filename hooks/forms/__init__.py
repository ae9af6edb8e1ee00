"""The forms of the pages: they parse, and check nothing that the domain checks."""
