# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0

"""Says which windows SciPy and Evidently call drift, for the table of TestPower.

    python peers.py windows.json windows.f64 > verdicts.json

windows.json says how many repetitions, values of a reference, windows and values of a window there are, and the names of the
changes; windows.f64 holds the values as doubles, little-endian: for each change and repetition the reference, then the windows.
SciPy is ks_2samp as it comes, drift where p < 0.05. Evidently is a Report as it comes, which chooses the method and the threshold
itself; the repetitions are its columns.
"""

import json
import sys
import warnings

import evidently
import numpy as np
import pandas as pd
import scipy
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift
from scipy import stats

warnings.filterwarnings("ignore")


def of_scipy(references, windows):
    """Windows of every repetition up to the first that is drift: what comes after changes no figure of the table."""
    verdicts = []
    for reference, of_repetition in zip(references, windows):
        verdicts.append([])
        for window in of_repetition:
            verdicts[-1].append(bool(stats.ks_2samp(reference, window).pvalue < 0.05))
            if verdicts[-1][-1]:
                break
    return verdicts


def of_evidently(references, windows):
    names = [f"r{i}" for i in range(len(references))]
    definition = DataDefinition(numerical_columns=names)
    reference = Dataset.from_pandas(pd.DataFrame(references.T, columns=names), data_definition=definition)
    verdicts, methods = [[] for _ in names], set()
    for i in range(windows.shape[1]):
        open_ones = [n for n, v in zip(names, verdicts) if not any(v)]
        if not open_ones:
            break
        current = Dataset.from_pandas(pd.DataFrame(windows[:, i].T, columns=names), data_definition=definition)
        report = Report([ValueDrift(column=n) for n in open_ones]).run(current, reference)
        for metric in report.dict()["metrics"]:
            config = metric["config"]
            methods.add(config["method"])
            score, p_value = float(metric["value"]), config["method"].endswith("p_value")
            drifted = score < config["threshold"] if p_value else score >= config["threshold"]
            verdicts[names.index(config["column"])].append(drifted)
    return verdicts, methods


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        shape = json.load(file)
    repetitions, size = shape["repetitions"], shape["reference"] + shape["windows"] * shape["window"]
    values = np.fromfile(sys.argv[2], dtype="<f8").reshape(len(shape["changes"]), repetitions, size)
    out = {"scipy_version": scipy.__version__, "evidently_version": evidently.__version__, "scipy": {}, "evidently": {}}
    methods = set()
    for name, of_change in zip(shape["changes"], values):
        references = of_change[:, : shape["reference"]]
        windows = of_change[:, shape["reference"] :].reshape(repetitions, shape["windows"], shape["window"])
        out["scipy"][name] = of_scipy(references, windows)
        out["evidently"][name], used = of_evidently(references, windows)
        methods |= used
    out["evidently_methods"] = sorted(methods)
    json.dump(out, sys.stdout)


main()
