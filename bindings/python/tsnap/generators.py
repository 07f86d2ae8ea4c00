"""The states of random number generators as text (JSON), and back: Python's random, NumPy's and PyTorch's."""

from __future__ import annotations

import json
import sys

import numpy as np


def _listed(value):
    if isinstance(value, np.ndarray):
        return {"array": value.dtype.str, "values": value.tolist()}
    if isinstance(value, np.integer):
        return int(value)
    raise TypeError(f"a generator's state holds a {type(value).__name__}")


def _arrays(value):
    return np.array(value["values"], dtype=value["array"]) if set(value) == {"array", "values"} else value


def _is_torch(generator):
    torch = sys.modules.get("torch")
    return torch is not None and (isinstance(generator, torch.Generator) or generator is torch.random)


def _family(generator, path):
    if _is_torch(generator):
        return "torch"
    if generator is np.random or isinstance(generator, np.random.RandomState):
        return "numpy.RandomState"
    if hasattr(generator, "bit_generator"):
        return "numpy." + type(generator.bit_generator).__name__
    if hasattr(generator, "getstate") and hasattr(generator, "setstate"):
        return "python"
    raise TypeError(f"{path}: {type(generator).__name__} is no generator that tsnap knows: Python's random, NumPy's Generator and "
                    "RandomState, PyTorch's Generator")


def capture(generator, path: str) -> str:
    """The whole state of a generator."""
    family = _family(generator, path)
    if family == "torch":
        state = bytes(generator.get_rng_state().numpy() if generator is sys.modules["torch"].random
                      else generator.get_state().cpu().numpy()).hex()
    elif family == "python":
        state = generator.getstate()
    elif family == "numpy.RandomState":
        state = generator.get_state(legacy=False)
    else:
        state = generator.bit_generator.state
    return json.dumps({"generator": family, "state": state}, default=_listed)


def put_back(generator, text: str, path: str) -> None:
    """Sets a generator to what `capture` gave of one of the same family."""
    kept = json.loads(text, object_hook=_arrays)
    family = _family(generator, path)
    if kept.get("generator") != family:
        raise ValueError(f"{path}: the snapshot has the state of a generator {kept.get('generator')}, and this is {family}")
    state = kept["state"]
    if family == "torch":
        torch = sys.modules["torch"]
        tensor = torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8)
        if generator is torch.random:
            generator.set_rng_state(tensor)
        else:
            generator.set_state(tensor)
    elif family == "python":
        version, numbers, gauss = state
        generator.setstate((version, tuple(numbers), gauss))
    elif family == "numpy.RandomState":
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
