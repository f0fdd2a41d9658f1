"""The command line: one file per command; parsing is cheap, the work is imported when it runs."""
