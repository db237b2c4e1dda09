# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0

"""ROC-AUC of scikit-learn's IsolationForest on the ADBench sets of a folder, over 20 seeds, as JSON.

    pip install scikit-learn && python sklearn_auc.py $GUARDIAN_DATA/adbench > sklearn_auc.json
"""

import json
import pathlib
import sys

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

SEEDS = 20
sets = {}
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.csv")):
    data = np.loadtxt(file, delimiter=",", skiprows=1)
    x, y = data[:, :-1], data[:, -1]
    aucs = [roc_auc_score(y, -IsolationForest(random_state=seed).fit(x).score_samples(x)) for seed in range(SEEDS)]
    sets[file.stem] = {"mean": round(float(np.mean(aucs)), 5), "std": round(float(np.std(aucs, ddof=1)), 5)}
json.dump({"sklearn": sklearn.__version__, "seeds": SEEDS, "sets": sets}, sys.stdout, indent=1)
print()
