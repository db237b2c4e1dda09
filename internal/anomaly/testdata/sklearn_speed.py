# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0

"""Times scikit-learn's score_samples on the rows of BenchmarkScoreSamples, and prints the ratio to the output of that benchmark.

    pip install scikit-learn && python sklearn_speed.py go-benchmarks.txt
"""

import re
import sys
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest

ours = dict(re.findall(r"BenchmarkScoreSamples/rows=(\d+)\S*\s.*?([\d.]+) cpu-ns/row", open(sys.argv[1]).read()))
x = np.sin(np.arange(1, 4 * 5 * 10_000 + 1)) * 43758.5453
x = (x - np.floor(x)).reshape(-1, 4).sum(1).reshape(-1, 5).astype(np.float32)
start = time.process_time()
forest = IsolationForest(random_state=0, n_jobs=1).fit(x[:256])
print(f"scikit-learn {sklearn.__version__}, processor time; fit to 256 rows: {(time.process_time() - start) * 1e3:.0f} ms")
print("rows of one call    scikit-learn            ours    ratio")
for n in (1, 100, 10_000):
    best = float("inf")
    for _ in range(5):
        start, calls = time.process_time(), 0
        while time.process_time() - start < 0.4:
            forest.score_samples(x[:n])
            calls += 1
        best = min(best, (time.process_time() - start) / calls / n * 1e9)
    mine = float(ours[str(n)])
    print(f"{n:16} {best:12,.0f} ns {mine:12,.0f} ns {best / mine:8.1f}")
