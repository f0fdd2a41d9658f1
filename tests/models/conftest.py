"""Fixtures of the zoo's tests."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """One thread: most tensors here are too small to be worth sharing out."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
