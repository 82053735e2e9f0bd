"""Write the pages of docs/reference anew."""

from tests.docs.reference.pages import write

write()
