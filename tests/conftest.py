"""Settings of the whole suite."""

import hypothesis

# The suite runs on shared machines, where one slow example says nothing.
hypothesis.settings.register_profile("edgekit", deadline=None, print_blob=True)
hypothesis.settings.load_profile("edgekit")
