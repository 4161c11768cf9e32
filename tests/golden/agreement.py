"""Golden numbers for the estimators of agreement in stats/ -> agreement.inc.

    python tests/golden/agreement.py > tests/golden/agreement.inc
    (krippendorff 0.8, statsmodels 0.15, crowd-kit 1.4, scipy 1.17)

Data are the streams of tests/support/formula.h, so that the C test makes the same ones.
"""
import itertools
import warnings

import krippendorff
import numpy as np
import pandas as pd
import scipy
import scipy.stats as st
import statsmodels
import statsmodels.api as sm
from crowdkit.aggregation import DawidSkene
from statsmodels.stats import inter_rater as ir
from statsmodels.stats.multitest import multipletests

from formula import stream, tokens

warnings.simplefilter("ignore")
print("/* Made by tests/golden/agreement.py: scipy %s, statsmodels %s, krippendorff, crowd-kit. */" % (scipy.__version__, statsmodels.__version__))


def array(name, values):
    print("static const double %s[] = {" % name)
    values = [float(v) for v in values]
    for i in range(0, len(values), 3):
        print("    " + " ".join("%.17g," % v for v in values[i : i + 3]))
    print("};")


# Cohen: five categories, plain, linear, quadratic: kappa, s.e., s.e. of none
table = np.floor(8 * (stream(25, 1).astype(float) + 1)).reshape(5, 5) + 6 * np.eye(5)
out = []
for wt in (None, "linear", "quadratic"):
    r = ir.cohens_kappa(table, wt=wt)
    out += [r.kappa, r.std_kappa, r.std_kappa0]
array("cohen_golden", out)

# Fleiss: 50 items, five judgements of four categories
said = tokens(250, 2, 4).reshape(50, 5)
said[::3] = said[::3, :1]
counts = ir.aggregate_raters(said, 4)[0]
array("fleiss_golden", [ir.fleiss_kappa(counts), ir.fleiss_kappa(counts, method="randolph")])

# Krippendorff: 60 units, six judges, a third missing, values of which some never occur
data = tokens(360, 3, 7).reshape(6, 60).astype(float)
data[:, ::2] = np.where(stream(180, 4).reshape(6, 30) > -0.4, data[0, ::2] + 0.0, data[:, ::2])
data[stream(360, 5).reshape(6, 60) > 0.3] = np.nan
domain = [0.0, 1.0, 2.5, 3.0, 4.0, 7.0, 11.0]
data = np.where(np.isnan(data), np.nan, np.array(domain)[np.nan_to_num(data).astype(int)])
array("krippendorff_golden", [krippendorff.alpha(reliability_data=data, value_domain=domain, level_of_measurement=m)
                              for m in ("nominal", "ordinal", "interval", "ratio")])

# Dawid-Skene: 120 items of four values, nine annotators of whom each item has five
truth = tokens(120, 6, 4)
rows = []
for i in range(120):
    for j in range(5):
        who = (i * 7 + j * 2) % 9
        u = stream(600, 7)[i * 5 + j]
        rows.append((i, who, int(truth[i] if u < 0.9 - 0.22 * who else tokens(600, 8, 4)[i * 5 + j])))
frame = pd.DataFrame(rows, columns=["task", "worker", "label"])
# With tol=0 it ends at step 63, at the first fall of its bound (whose entropy clips posteriors): some 1e-4 short.
ds = DawidSkene(n_iter=1000, tol=-1).fit(frame)
array("dawid_prior", ds.priors_.sort_index())
array("dawid_posterior", ds.probas_.sort_index().sort_index(axis=1).to_numpy().ravel())
errors = ds.errors_
array("dawid_confusion", [errors.loc[(w, v)][c] if (w, v) in errors.index else 0 for w in range(9) for c in range(4) for v in range(4)])

# logistic regression: with a constant, by cluster
x = np.column_stack([np.ones(150), stream(150, 9).astype(float) * 2, stream(150, 10).astype(float)])
y = (stream(150, 11).astype(float) * 2 < 0.4 + x[:, 1] - 0.5 * x[:, 2]).astype(float)
cluster = (np.arange(150) * 7) % 31
fit = sm.Logit(y, x).fit(disp=0, method="newton", maxiter=200, tol=1e-14)
by = sm.Logit(y, x).fit(disp=0, method="newton", maxiter=200, tol=1e-14, cov_type="cluster",
                        cov_kwds={"groups": cluster, "use_correction": False})
array("logit_golden", [*fit.params, *fit.bse, *(by.bse * np.sqrt(31 / 30)), fit.llf])

# several tests at once
p = (stream(9, 12).astype(float) + 1) ** 2 / 20
array("holm_golden", multipletests(p, method="holm")[1])
array("yekutieli_golden", multipletests(p, method="fdr_by")[1])

# the sign test; signed ranks without ties, and with them by all choices of signs
array("fair_golden", [st.binomtest(k, n, 0.5).pvalue for k, n in ((0, 1), (2, 9), (7, 20), (60, 100), (4700, 10000))])
plain = stream(25, 13).astype(float) - 0.2
tied = np.array([-1.2, 0.8, -0.2, -0.2, -1.2, -0.2, 0.8, -0.2, 0.8, -1.2, -0.2, -0.2])
rank = st.rankdata(np.round(np.abs(tied), 9))
seen = rank[tied > 0].sum()
below = np.mean([(rank * signs).sum() <= seen + 1e-9 for signs in itertools.product((0, 1), repeat=12)])
array("ranks_golden", [st.wilcoxon(plain, alternative="less", method="exact").pvalue, below])

# the alternative annotator test: 60 items, four people and a judge, by the lines of the paper's section 3
votes = tokens(300, 14, 3).reshape(60, 5)
votes[::2] = votes[::2, :1]
votes[1::4, 4] = votes[1::4, 0]
human, judge = votes[:, :4], votes[:, 4]
share = lambda v, others: np.mean([v == o for o in others])
wins, p = [], []
for j in range(4):
    near = [(share(judge[i], np.delete(human[i], j)), share(human[i, j], np.delete(human[i], j))) for i in range(60)]
    wins.append(np.mean([a >= b for a, b in near]))
    d = np.array([float(b >= a) - float(a >= b) for a, b in near])
    p.append(st.ttest_1samp(d, 0.2, alternative="less").pvalue)
array("alternative_golden", [*wins, *p, *multipletests(p, method="fdr_by")[1], np.mean(wins)])
