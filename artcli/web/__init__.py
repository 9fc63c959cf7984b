"""The repository over HTTP: a doorway for other machines' `art`, and plain files for those that have only `curl`."""
