"""Where models come from: specs, user code, weights, inputs, and the PyTorch module that they make."""
