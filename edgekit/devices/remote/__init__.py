"""Programs that are sent to a board and run there: standard library only, any Python since 3.8."""
