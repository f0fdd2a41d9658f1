"""Reference runtimes: run a model once and keep what happened as a `Trace`."""
