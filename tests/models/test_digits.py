"""The trained network: accurate, deterministic, cached without trusting the cache."""

import pytest
import torch

from edgekit.models import digits, registry

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def data():
    return digits.load_data()


@pytest.fixture(scope="module")
def trained(data):
    return digits.train(digits.Recipe(seed=0), data)


def test_it_reads_digits_it_has_not_seen(trained, data):
    with torch.no_grad():
        right = trained(data.test_images).argmax(1) == data.test_labels
    assert right.float().mean() >= 0.97


def test_training_repeats_bit_for_bit_and_leaves_torch_as_it_was(data):
    recipe = digits.Recipe(seed=1, epochs=1)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first = digits.train(recipe, data).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    second = digits.train(recipe, data).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_build_fills_the_cache_and_then_reads_it(tmp_path, monkeypatch, trained):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(digits, "train", lambda recipe, data: trained)
    built = registry.build("digits", seed=0)
    (path,) = (tmp_path / "edgekit").iterdir()
    assert path.name == f"digits-{digits.Recipe(0).key}.pt"

    def untouchable(*_):
        raise AssertionError("trained again although the weights were cached")

    monkeypatch.setattr(digits, "train", untouchable)
    again = registry.build("digits", seed=0).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in built.state_dict().items())


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_cache_is_trained_over(tmp_path, monkeypatch, trained, damage):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(digits, "train", lambda recipe, data: trained)
    path = digits.cache_folder() / f"digits-{digits.Recipe(0).key}.pt"
    path.parent.mkdir()
    if damage is None:
        torch.save({"stem.conv.weight": torch.zeros(1)}, path)
    else:
        path.write_bytes(damage)
    state = registry.build("digits", seed=0).state_dict()
    assert all(torch.equal(value, state[key]) for key, value in trained.state_dict().items())


def test_an_unwritable_cache_is_no_error(tmp_path, monkeypatch, trained):
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder would have to be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr(digits, "train", lambda recipe, data: trained)
    registry.build("digits", seed=0)
    assert blocked.read_text().startswith("a file")


def test_the_key_follows_the_recipe():
    assert digits.Recipe(0).key == digits.Recipe(0).key
    assert digits.Recipe(0).key != digits.Recipe(1).key
    assert digits.Recipe(0).key != digits.Recipe(0, epochs=9).key
