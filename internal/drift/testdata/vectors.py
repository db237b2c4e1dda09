# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0

"""Writes vectors.json, which the tests compare this package with: every expected number is SciPy's.

    pip install scipy && python vectors.py > vectors.json
"""

import json
import sys

import numpy as np
import scipy
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

rng = np.random.default_rng(20260301)


def ks(name, a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    exact = stats.ks_2samp(a, b, method="exact")
    return {
        "name": name, "a": a.tolist(), "b": b.tolist(), "d": exact.statistic, "exact": exact.pvalue,
        "asymp": stats.ks_2samp(a, b, method="asymp").pvalue,
        "wasserstein": stats.wasserstein_distance(a, b),
    }


def ks_cases():
    i = np.arange
    yield ks("K1", [1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8])
    yield ks("K2", [1, 1, 2, 2, 3, 3, 4, 4], [1, 1, 1, 1, 2, 2, 2, 2])
    yield ks("K3", [38.7, 41.5, 43.8, 44.5, 45.5, 46, 47.7, 58], [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8])
    yield ks("K4", i(1, 13), i(8) + 7.5)
    yield ks("K5", [1, 2, 3], [1, 2, 3])
    yield ks("K6", [1, 2, 3, 4], [10, 11, 12])
    yield ks("K7", i(100) / 100, (i(80) / 80) ** 1.3)
    yield ks("K8", i(1000) / 1000, (i(1200) / 1200) ** 1.1)
    for m, n in [(3, 3), (4, 30), (7, 7), (20, 33), (50, 64), (97, 101), (150, 150), (300, 40)]:
        for shift in (0, 0.4, 1.5):
            yield ks(f"normal {m}x{n} shift {shift}", rng.normal(size=m).round(3), (rng.normal(size=n) + shift).round(3))
        yield ks(f"ties {m}x{n}", rng.integers(0, 6, m), rng.integers(0, 7, n))
        yield ks(f"lognormal {m}x{n}", rng.lognormal(size=m).round(4), rng.lognormal(0.2, 1.4, n).round(4))


def kstwo():
    for n in (2, 3, 5, 10, 49, 50, 91, 139, 140, 141, 200, 500, 1000, 5000, 20000, 45900, 100000, 300000):
        for z in (0.1, 0.3, 0.5, 0.7, 0.85, 0.9, 1.1, 1.358, 1.48, 1.5, 1.9, 2.1, 3, 6):
            d = z / np.sqrt(n)
            if d <= 1 and not (n >= 20000 and z < 0.5):
                yield [n, d, stats.kstwo.sf(d, n)]
    for n, d in ((5, 0.3), (50, 0.2), (140, 0.1), (141, 0.1), (500, 0.05), (500, 0.02), (5000, 0.02), (5000, 0.005), (45900, 0.0063),
                 (100000, 0.01), (10, 0.95), (10, 0.04), (10, 0.07), (10, 0.92), (200, 0.6), (30, 0.5), (7, 1.0)):
        yield [n, d, stats.kstwo.sf(d, n)]


def chi_square():
    tables = [[[16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]], [[50, 50], [40, 60]], [[90, 10, 0], [80, 15, 5]]]
    tables += [rng.multinomial(n, rng.dirichlet(np.ones(k)), 2).tolist() for n, k in ((40, 3), (500, 12), (20000, 60))]
    for table in tables:
        kept = np.asarray(table)
        kept = kept[:, kept.sum(axis=0) > 0]
        result = stats.chi2_contingency(kept, correction=False)
        yield {"reference": table[0], "current": table[1], "statistic": result.statistic, "p": result.pvalue, "df": int(result.dof)}


def shares():
    pairs = [([0.1, 0.2, 0.3, 0.25, 0.15], [0.15, 0.25, 0.25, 0.2, 0.15])]
    pairs += [(rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k))) for k in (2, 5, 10, 40)]
    for p, q in pairs:
        p, q = np.asarray(p), np.asarray(q)
        yield {
            "p": p.tolist(), "q": q.tolist(), "psi": special.rel_entr(p, q).sum() + special.rel_entr(q, p).sum(),
            "divergence": jensenshannon(p, q) ** 2, "distance": jensenshannon(p, q, base=2),
        }


def fisher():
    for table in ([8, 2, 1, 5], [0, 10, 0, 12], [50, 950, 90, 910], [50, 950, 40, 960], [5, 995, 30, 970], [500, 9500, 61, 939], [0, 1000, 3, 97], [5, 95, 6, 4]):
        a, b, c, d = table  # reference with, without; current with, without
        yield {"table": table, "greater": stats.fisher_exact([[c, d], [a, b]], alternative="greater").pvalue}


def benjamini_hochberg():
    lists = [[.001, .008, .039, .041, .042, .06, .074, .205, .212, .216, .222, .251, .269, .275, .34], [.5], [.04, .01, 1, .02, .01]]
    lists.append(rng.uniform(size=40).tolist())
    for p in lists:
        yield {"p": p, "adjusted": stats.false_discovery_control(p, method="bh").tolist()}


json.dump({
    "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__},
    "ks": list(ks_cases()),
    "kstwo": [list(map(float, row)) for row in kstwo()],
    "chi_square": list(chi_square()),
    "shares": list(shares()),
    "fisher": list(fisher()),
    "benjamini_hochberg": list(benjamini_hochberg()),
}, sys.stdout, allow_nan=False, separators=(",", ":"))
print()
