"""SQL over all that a repository knows.

tables   the tables that may be asked, and how each is filled
ask      one read-only statement over them, with a limit of time
search   words in notes, metadata and logs
"""
