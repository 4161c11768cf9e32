"""Golden numbers for stats/ from scipy, statsmodels and the definitions -> stats.inc.

    python tests/golden/stats.py > tests/golden/stats.inc        (scipy 1.17, statsmodels 0.15)
"""
import warnings

import numpy as np
import scipy
import scipy.stats as st
import statsmodels
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint

from formula import stream

print("/* Made by tests/golden/stats.py: scipy %s, statsmodels %s. */" % (scipy.__version__, statsmodels.__version__))
warnings.simplefilter("ignore")


def array(name, values):
    print("static const double %s[] = {" % name)
    values = [float(v) for v in values]
    for i in range(0, len(values), 3):
        print("    " + " ".join("%.17g," % v for v in values[i : i + 3]))
    print("};")


# quantiles and shares
P = [1e-12, 1e-5, 0.001, 0.0242, 0.0243, 0.3, 0.5, 0.8, 0.97575, 0.975, 0.9999]
array("normal_p", P)
array("normal_x", st.norm.ppf(P))
array("wilson", [v for k, n in [(0, 10), (3, 10), (57, 100), (419, 419)]
                 for v in (k / n, n, *proportion_confint(k, n, 0.05, "wilson"))])

# Student's t
DF = [1, 2, 5, 19, 199, 1e5]
array("student_df", DF)
array("student_x", [v for d in DF for v in st.t.ppf([0.6, 0.975, 0.9995], d)])
array("student_cdf_golden", [v for d in DF for v in st.t.cdf([-3, 0.4, 2.2], d)])

# Wilson's interval of an effective number of rows: 30 rows of 12 clusters by the formulas of Korn and Graubard
rows_of = (np.arange(30) * 7) % 12
ones = (stream(12, 33)[rows_of].astype(float) + 0.8 * stream(30, 34).astype(float) > -0.4).astype(float)
ones[::11] = 0.5
p_share, counts = ones.mean(), np.bincount(rows_of)
off = np.bincount(rows_of, ones) - p_share * counts
rows_n = p_share * (1 - p_share) / (12 / 11 * np.sum(off**2) / 30**2)
assert 12 < rows_n < 30
array("share_value", ones)
array("share_golden", [p_share, rows_n])
q = st.t.ppf(0.975, 11)
level = 2 * st.norm.cdf(q) - 1  # statsmodels takes a level, not a quantile
array("share_interval", proportion_confint(p_share * rows_n, rows_n, 1 - level, "wilson"))

# rankings with ties
x, y = np.round(8 * stream(40, 1)), np.round(8 * stream(40, 2) + 5 * stream(40, 1))
array("kendall_golden", [st.kendalltau(x, y).statistic, st.kendalltau(x[:9], y[:9]).statistic])

# AUROC and DeLong's variance by their definitions, over all pairs
score = np.round(10 * stream(60, 3)).astype(float)
positive = stream(60, 4) + 0.08 * score > 0.1
score += 0  # ties are there
a, b = score[positive], score[~positive]
psi = (a[:, None] > b) + 0.5 * (a[:, None] == b)
auc = psi.mean()
se = np.sqrt(psi.mean(1).var(ddof=1) / len(a) + psi.mean(0).var(ddof=1) / len(b))
assert abs(auc - st.mannwhitneyu(a, b).statistic / len(a) / len(b)) < 1e-12
more = (len(a) + len(b)) / 2 - 1
most = len(a) * len(b) / (1 + more * ((1 - auc) / (2 - auc) + auc / (1 + auc)))
known = min(auc * (1 - auc) / se**2, most)
array("roc_golden", [len(a), len(b), auc, se, *proportion_confint(auc * known, known, 0.05, "wilson")])

# calibration by its definition
p = (stream(200, 5).astype(float) + 1) / 2
truth = ((stream(200, 6).astype(float) + 1) / 2 < p**1.5).astype(float)
truth[::17] = 0.5
bins = np.minimum((p * 10).astype(int), 9)
gaps = [(np.sum(bins == k), abs(truth[bins == k].mean() - p[bins == k].mean())) for k in range(10) if np.any(bins == k)]
array("calibration_golden", [sum(n * g for n, g in gaps) / 200, max(g for _, g in gaps), np.mean((p - truth) ** 2),
                             -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)),
                             np.mean(np.where(p > 0.5, truth, np.where(p < 0.5, 1 - truth, 0.5)))])

# BCa of a skewed mean and of a ratio of means
z = np.exp(1.2 * stream(30, 7).astype(float))
w = 1 + 0.5 * stream(30, 8).astype(float)
rng = np.random.default_rng(1)
one = st.bootstrap((z,), np.mean, n_resamples=200000, method="BCa", random_state=rng, batch=1000)
two = st.bootstrap((z, w), lambda a, b, axis: a.mean(axis) / b.mean(axis), paired=True, n_resamples=200000,
                   method="BCa", random_state=rng, batch=1000)
three = st.bootstrap((z,), np.mean, n_resamples=200000, method="percentile", random_state=rng, batch=1000)
array("bca_mean", [z.mean(), *one.confidence_interval, one.standard_error])
array("bca_ratio", [z.mean() / w.mean(), *two.confidence_interval, two.standard_error])
array("percentile_mean", [*three.confidence_interval])

# Bootstrap-t of a skewed mean, and of rows in clusters
def studentised(sums, counts):
    def figure(s, c):
        m = s.sum(-1) / c.sum(-1)
        off = s - m[..., None] * c
        k = s.shape[-1]
        return m, np.sqrt((off**2).sum(-1) * k / (k - 1)) / c.sum(-1)
    m, e = figure(sums, counts)
    picks = rng.integers(0, len(sums), (200000, len(sums)))
    bm, be = figure(sums[picks], counts[picks])
    low, high = np.quantile((bm - m) / be, [0.025, 0.975])
    return [m, m - high * e, m - low * e, e]


array("mean_alone", studentised(z, np.ones(30)))
owner = np.arange(30) % 10
array("mean_together", studentised(np.bincount(owner, z), np.bincount(owner).astype(float)))

# Bradley-Terry with covariates is a logistic regression: 6 items, 90 rows, 3 covariates
rows, items = 90, 6
first = ((stream(rows, 10).astype(float) + 1) * 3).astype(int)
second = (first + 1 + ((stream(rows, 11).astype(float) + 1) * 2.5).astype(int)) % items
cov = np.stack([np.ones(rows), 2 * stream(rows, 12).astype(float), (stream(rows, 13) > 0).astype(float)], 1)
wins = np.round(4 + 4 * stream(rows, 14).astype(float))
losses = np.round(4 + 4 * stream(rows, 15).astype(float)) + (wins == 0)
design = np.zeros((rows, items - 1))
for r in range(rows):
    if first[r] > 0:
        design[r, first[r] - 1] += 1
    if second[r] > 0:
        design[r, second[r] - 1] -= 1
m = sm.GLM(np.stack([wins, losses], 1), np.hstack([design, cov]), family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
array("bt_first", first), array("bt_second", second), array("bt_wins", wins), array("bt_losses", losses)
array("bt_params", m.params), array("bt_se", m.bse), array("bt_deviance", [m.deviance])

# best of n by enumeration of all subsets
from itertools import combinations

proxy, gold = np.round(4 * stream(9, 20).astype(float)), stream(9, 21).astype(float)
for n in (1, 2, 4, 9):
    total = []
    for subset in combinations(range(9), n):
        s = list(subset)
        best = max(proxy[s])
        total.append(np.mean([gold[i] for i in s if proxy[i] == best]))
    array("bestof_%d" % n, [np.mean(total)])

# Davidson's ties with a home effect, on the puddings with first wins times five: errors from a Hessian by differences
from scipy.optimize import minimize

D = np.array("1 2 19 22 16 1 3 16 19 12 2 3 19 19 10 1 4 18 23 13 2 4 23 19 9 3 4 19 20 15 1 5 13 19 18 2 5 16 20 12 "
             "3 5 16 15 17 4 5 17 14 16 1 6 18 21 12 2 6 22 20 12 3 6 13 18 10 4 6 14 19 18 5 6 11 21 12".split(),
             float).reshape(-1, 5)
D[:, 2] *= 5  # a strong home effect: what is shown first wins
I, J = D[:, 0].astype(int) - 1, D[:, 1].astype(int) - 1


def loss(t):
    s = np.concatenate([[0], t[:5]])
    eta = s[I] - s[J] + t[5]
    z = np.log(np.exp(eta / 2) + np.exp(-eta / 2) + np.exp(t[6]))
    return -(D[:, 2] * (eta / 2 - z) + D[:, 3] * (-eta / 2 - z) + D[:, 4] * (t[6] - z)).sum()


best = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-10}).x
h, n = 1e-3, 7
e = np.eye(n) * h
hessian = np.array([[(loss(best + e[i] + e[j]) - loss(best + e[i] - e[j]) - loss(best - e[i] + e[j])
                      + loss(best - e[i] - e[j])) / (4 * h * h) for j in range(n)] for i in range(n)])
errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
array("davidson_home", [best[5], errors[5], np.exp(best[6]), np.exp(best[6]) * errors[6], *best[:5], *errors[:5]])
