"""The forms of the pages. They only parse: the domain checks what is allowed."""
