"""Choose the handwritten digits that ship: `python data/digits/make.py` writes data/digits/hands.npy.

Source: scikit-learn's copy of the UCI optical digits test set (8×8 scans, 0 to 16). For each digit 16 scans are kept,
spread over the quarter that is most clearly that digit (near others of its own, far from other digits).
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HANDS = 16


def choose() -> np.ndarray:
    """(10, HANDS, 8, 8) uint8, 0 to 16."""
    digits = load_digits()
    scans, labels = digits.data, digits.target
    distance = np.linalg.norm(scans[:, None] - scans[None], axis=-1)
    kept = []
    for digit in range(10):
        own, other = np.flatnonzero(labels == digit), np.flatnonzero(labels != digit)
        near_own = np.sort(distance[np.ix_(own, own)], axis=1)[:, 1:6].mean(1)
        near_other = np.sort(distance[np.ix_(own, other)], axis=1)[:, :5].mean(1)
        clear = own[np.argsort(near_own - near_other)[: len(own) // 4]]
        picked = clear[np.linspace(0, len(clear) - 1, HANDS).round().astype(int)]
        kept.append(scans[picked].reshape(HANDS, 8, 8))
    return np.asarray(kept, dtype=np.uint8)


if __name__ == "__main__":
    np.save(Path(__file__).with_name("hands.npy"), choose(), allow_pickle=False)
