"""The numbers of tests/support/formula.h."""
import numpy as np


def stream(n, seed):
    """n numbers in [-1, 1), float32."""
    i = np.arange(n, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    h = ((i + np.uint64(1)) * np.uint64(2654435761) + np.uint64((seed + 1) * 2246822519 % 2**32)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & mask
    h ^= h >> np.uint64(13)
    return ((h >> np.uint64(8)).astype(np.float32) / np.float32(8388608) - np.float32(1)).astype(np.float32)


def fill(n, seed, scale, offset=0.0):
    return np.float32(offset) + np.float32(scale) * stream(n, seed)


def tokens(n, seed, vocab):
    return ((stream(n, seed) + np.float32(1)).astype(np.float64) * 0.5 * vocab).astype(np.int64)
