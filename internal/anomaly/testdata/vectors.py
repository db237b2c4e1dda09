# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0

"""Writes vectors.json, which the tests compare this package with: every expected number is scikit-learn's.

    pip install scikit-learn && python vectors.py > vectors.json
"""

import json
import sys

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

rng = np.random.default_rng(20261128)
SEEDS = 40


def numbers(a, digits=7):
    return np.asarray(a, float).round(digits).tolist()


def trees(forest):
    out = []
    for tree in (e.tree_ for e in forest.estimators_):
        out.append({
            "feature": tree.feature.tolist(), "threshold": tree.threshold.tolist(), "left": tree.children_left.tolist(),
            "right": tree.children_right.tolist(), "rows": tree.n_node_samples.tolist(),
        })
    return out


def walked():
    """Whole forests, and the scores of points in them."""
    x = rng.normal(size=(64, 3)).astype(np.float32)
    x[:, 2] = 1  # constant: skipped, not a leaf
    forest = IsolationForest(n_estimators=6, max_samples=32, contamination=0.1, random_state=1).fit(x)
    points = np.vstack([x[:10], [[8, 0, 1], [0, -9, 1], [0, 0, 5]]]).astype(np.float32)
    return {
        "sub_sample": int(forest.max_samples_), "trees": trees(forest), "points": numbers(points, 9),
        "scores": (-forest.score_samples(points)).tolist(), "training_scores": (-forest.score_samples(x)).tolist(),
        "offset": -forest.offset_, "outliers": int((forest.predict(x) == -1).sum()), "contamination": 0.1,
    }


def compared():
    """Mean scores over many seeds, which another generator of random numbers must come near."""
    for name, x, points in cases():
        scores, nodes = [], []
        for seed in range(SEEDS):
            forest = IsolationForest(random_state=seed).fit(x)
            scores.append(-forest.score_samples(points))
            nodes.append(sum(e.tree_.node_count for e in forest.estimators_) / len(forest.estimators_))
        yield {
            "name": name, "rows": numbers(x), "points": numbers(points), "mean": np.mean(scores, 0).tolist(),
            "std": np.std(scores, 0, ddof=1).tolist(), "seeds": SEEDS, "nodes": float(np.mean(nodes)),
            "nodes_std": float(np.std(nodes, ddof=1)),
        }


def cases():
    def case(name, x, points):
        return name, x.round(6), np.asarray(points, float)

    x = rng.normal(size=(400, 2))
    yield case("normal", x, [[0, 0], [1, 1], [2, -2], [4, 0], [8, 8]])
    yield case("few rows", x[:40], [[0, 0], [1, 1], [3, -3]])
    yield case("two rows", x[:2], [[0, 0], [10, 10]])
    x = np.zeros((500, 10))
    x[:, 0] = rng.normal(size=500)
    yield case("nine constant columns", x, [[0] * 10, [8] + [0] * 9])
    yield case("all constant", np.ones((50, 2)), [[1, 1], [9, 9]])
    x = rng.integers(0, 3, size=(300, 3)).astype(float)
    yield case("ties", x, [[1, 1, 1], [0, 2, 0], [5, 5, 5]])
    x = np.exp(1.5 * rng.normal(size=(300, 2)))
    yield case("log-normal", x, [[1, 1], [10, 1], [100, 100]])
    x = np.vstack([rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 6])
    yield case("two clusters", x, [[0, 0], [6, 6], [3, 3], [0, 6]])


def components():
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 3
    z = (x - x.mean(0)) / x.std(0, ddof=1)
    points = np.vstack([x[:4], x.mean(0) + 5 * x.std(0)])
    pca = PCA().fit(z)
    keep = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), 0.8) + 1)
    t = pca.transform((points - x.mean(0)) / x.std(0, ddof=1))
    return {
        "rows": x.ravel().tolist(), "columns": 4, "variance": 0.8, "components": keep, "variances": pca.explained_variance_.tolist(),
        "points": points.tolist(), "t2": (t[:, :keep] ** 2 / pca.explained_variance_[:keep]).sum(1).tolist(),
        "q": (t[:, keep:] ** 2).sum(1).tolist(),
    }


json.dump({
    "sklearn": sklearn.__version__,
    "average_path": [[n, float(_average_path_length(np.array([n]))[0])] for n in (1, 2, 3, 4, 5, 10, 16, 100, 256, 1000)],
    "walked": walked(), "compared": list(compared()), "components": components(),
}, sys.stdout, indent=None, separators=(",", ":"))
print()
