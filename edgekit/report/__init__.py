"""Results as text, HTML, JUnit and plots: everything is rendered here, nothing computed."""
