"""Generators: inputs that are computed from a rule, each step independently of the others.

Random numbers come from Philox4x64-10, a counter-based generator without state. Its key is the
first 16 bytes of SHA-256 of the JSON text of [kind, seed, name of the Input]. The number for step
s, sample b, feature f is the raw 64-bit word at place (s * samples + b) * features + f of its
stream; the upper 53 bits of a word, times 2^-53, are the uniform number in [0, 1). NumPy keeps
raw streams the same between versions.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np

from nirx.errors import InputError, warn_caller
from nirx.inputs.options import Options
from nirx.inputs.protocol import SlicedSource, Wanted, require_usual

__all__ = ["GENERATORS", "Generator", "PoissonSource", "PulseSource", "RampSource", "RegularSource"]

STEPS = 1000
BLOCK = 2**18
"""Random words in memory at once."""
WORDS_PER_COUNTER = 4


class Generator(SlicedSource):
    """What generators share: their default length and batch.

    Arguments:
        kind: name.
        steps: unless the caller requests another number.
        own: parameters, for `Source.identity`.
    """

    portable = True

    def __init__(self, wanted: Wanted, kind: str, steps: int = STEPS, **own: Any):
        steps = steps if wanted.steps is None else wanted.steps
        super().__init__(wanted, kind, steps, wanted.batch or (1,), own)

    def _size(self, name: str) -> int:
        return math.prod(self._wanted.features[name])


class PoissonSource(Generator):
    """Each neuron spikes in each step with its probability (Bernoulli), independently.

    Options: `rate` per step (default 0.1), or `low` and `high`, interpolated over the neurons from
    the first to the last; `height` of a spike (default 1).
    """

    options = ("rate", "low", "high", "height")

    def __init__(self, wanted: Wanted, options: Options, seed: int):
        if "rate" in options and ("low" in options or "high" in options):
            raise InputError("poisson: rate goes without low and high")
        rate = options.number("rate", 0.1, 0, 1)
        self._low, self._high = (
            options.number("low", rate, 0, 1),
            options.number("high", rate, 0, 1),
        )
        self._height, self._seed = options.number("height", 1), seed
        own = {"low": self._low, "high": self._high, "height": self._height, "seed": seed}
        super().__init__(wanted, "poisson", **own)

    def _some_values(self, name: str, start: int, stop: int, first: int, last: int) -> np.ndarray:
        size = self._size(name)
        spikes = np.empty((stop - start, last - first, size), bool)
        if spikes.size:
            wished, key = self._wished(size), _key("poisson", self._seed, name)
            for step in range(start, stop):
                place = (step * self._samples + first) * size
                words = _words(key, place, (last - first) * size)
                words >>= np.uint64(11)
                spikes[step - start] = words.reshape(last - first, size) < wished
        return spikes * self._height if self._height != 1 else spikes

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        size = self._size(name)
        spikes = np.empty((stop - start, self._samples, size), bool)
        if not spikes.size:
            return spikes
        wished = self._wished(size)
        key, row = _key("poisson", self._seed, name), self._samples * size
        rows = max(1, BLOCK // row)
        for first in range(0, stop - start, rows):
            last = min(first + rows, stop - start)
            words = _words(key, (start + first) * row, (last - first) * row)
            words >>= np.uint64(11)
            spikes[first:last] = words.reshape(last - first, self._samples, size) < wished
        return spikes * self._height if self._height != 1 else spikes

    def _wished(self, size: int) -> np.ndarray:
        """w * 2^-53 < rate is compared as whole numbers: w < this."""
        return np.ceil(_spread(self._low, self._high, size) * 2.0**53).astype(np.uint64)


class RegularSource(Generator):
    """Neuron i of sample b spikes in the steps s with (s - i - b) divisible by the period.

    Options: `period` in steps (default 10), `height` (default 1).
    """

    options = ("period", "height")

    def __init__(self, wanted: Wanted, options: Options, seed: int):
        self._period = options.whole("period", 10, 1) or 10
        self._height = options.number("height", 1)
        super().__init__(wanted, "regular", period=self._period, height=self._height)

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        step = np.arange(start, stop)[:, None, None]
        phase = np.arange(self._samples)[:, None] + np.arange(self._size(name))
        return ((step - phase) % self._period == 0) * self._height


class RampSource(Generator):
    """Every neuron goes from `low` (default 0) in the first step to `high` (1) in the last."""

    options = ("low", "high")

    def __init__(self, wanted: Wanted, options: Options, seed: int):
        self._low, self._high = options.number("low", 0), options.number("high", 1)
        super().__init__(wanted, "ramp", low=self._low, high=self._high)

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        place = np.arange(start, stop) / max(self.steps - 1, 1)
        return _between(self._low, self._high, place)[:, None, None]


class PulseSource(Generator):
    """One pulse of one step per input neuron, one neuron after the other.

    The neurons of all Inputs are numbered, in order of the Inputs' names; neuron k has its pulse
    in step k * every. Options: `every` (default 20), `height` (default 1). By default the run is
    as long as it takes.
    """

    options = ("every", "height")

    def __init__(self, wanted: Wanted, options: Options, seed: int):
        self._every = options.whole("every", 20, 1) or 20
        self._height = options.number("height", 1)
        self._first, count = {}, 0
        for name, features in wanted.features.items():
            self._first[name] = count
            count += math.prod(features)
        needed = count * self._every
        require_usual(f"pulses: every={self._every}", needed, wanted.steps)
        super().__init__(wanted, "pulses", needed, every=self._every, height=self._height)
        if self.steps <= (count - 1) * self._every:
            reached = -(-self.steps // self._every)
            warn_caller(
                f"pulses: {self.steps} steps reach {reached} of {count} input neurons; all of "
                f"them take {needed}"
            )

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        size = self._size(name)
        values = np.zeros((stop - start, 1, size))
        begin = -(-start // self._every) * self._every
        for step in range(begin, stop, self._every):
            neuron = step // self._every - self._first[name]
            if 0 <= neuron < size:
                values[step - start, 0, neuron] = self._height
        return values


GENERATORS = {
    "poisson": PoissonSource,
    "regular": RegularSource,
    "ramp": RampSource,
    "pulses": PulseSource,
}


def _spread(low: float, high: float, size: int) -> np.ndarray:
    return _between(low, high, np.arange(size) / max(size - 1, 1))


def _between(low: float, high: float, place: np.ndarray) -> np.ndarray:
    # Both ends are exact, and every CPU rounds these operations alike.
    return np.where(place == 1, high, low + (high - low) * place)


def _key(kind: str, seed: int, name: str) -> int:
    text = json.dumps([kind, seed, name])  # ASCII, whatever the name
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def _words(key: int, start: int, count: int) -> np.ndarray:
    """Words start..start+count-1 of the stream of a key, uint64."""
    skip = start % WORDS_PER_COUNTER
    stream = np.random.Philox(key=key, counter=start // WORDS_PER_COUNTER)
    return stream.random_raw(skip + count)[skip:]
