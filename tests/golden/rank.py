"""Golden numbers of rankings from choix, statsmodels, scipy and arena-rank -> rank.inc.

    python tests/golden/rank.py > tests/golden/rank.inc
    (choix 0.4, statsmodels 0.15, scipy 1.17, arena-rank 0.1.1 with jax)

Votes and rankings are drawn here and written down as text: three characters a vote (who, against
whom, '0' won '1' lost '2' tied), a word a ranking ('1(24)0': 2 and 4 share the second place)."""
import itertools
import warnings

import choix
import numpy as np
import pandas as pd
import scipy.optimize
import statsmodels.api as sm
from arena_rank.models.bradley_terry import BradleyTerry
from arena_rank.utils.data_utils import PairDataset
from scipy.special import expit, log_expit

warnings.simplefilter("ignore")
rng = np.random.default_rng(14)
M, N, EACH = 7, 420, 4
print("/* Made by tests/golden/rank.py. */")


def array(name, values):
    print("static const double %s[] = {" % name)
    values = [float(v) for v in values]
    for i in range(0, len(values), 3):
        print("    " + " ".join("%.17g," % v for v in values[i : i + 3]))
    print("};")


def text(name, words, width=88):
    print("static const char %s[] =" % name)
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word
    print("\n".join('    "%s"' % line for line in lines) + ";")


truth = np.linspace(-.9, .9, M)
a = rng.integers(0, M, N)
b = (a + rng.integers(1, M, N)) % M
mood = np.repeat(rng.normal(0, .8, N // EACH), EACH)  # votes of one prompt belong together
u = rng.random(N)
p = expit(truth[a] - truth[b] + mood * np.where(a < b, 1, -1))
out = np.where(rng.random(N) < .15, 2, np.where(u < p, 0, 1))
x = np.round(rng.normal(0, 1, N), 3)
text("rank_votes", ["%d%d%d" % v for v in zip(a, b, out)])
array("rank_x", x)
y = np.choose(out, [1., 0., .5])


def centred(v):
    return v - v.mean()


# choix: votes without a tie, by its own optimiser, and rankings
won = [(i, j) if o == 0 else (j, i) for i, j, o in zip(a, b, out) if o != 2]
array("rank_choix", centred(choix.opt_pairwise(M, won, method="Newton-CG", tol=1e-12)))
rankings = []
for _ in range(90):
    who = rng.permutation(M)[: rng.integers(2, M + 1)]
    rankings.append([int(i) for i in who[np.argsort(-(truth[who] + rng.gumbel(size=len(who))))]])
text("rank_rankings", ["".join(map(str, r)) + " " for r in rankings])
array("rank_plackett", centred(choix.opt_rankings(M, rankings, method="Newton-CG", tol=1e-12)))

# a logit and a probit without ties, and a logit's sandwich, clustered: items against the mean
keep = out != 2
design = np.zeros((N, M))
design[np.arange(N), a] += 1
design[np.arange(N), b] -= 1
contrast = np.vstack([np.eye(M - 1), -np.ones(M - 1)])  # strengths of sum 0 from the first M - 1
prompt = np.arange(N) // EACH
for name, family, rows in (("logit", sm.Logit, keep), ("probit", sm.Probit, keep)):
    z = np.column_stack([design[rows] @ contrast, x[rows]])
    fit = family(y[rows], z).fit(disp=0, method="newton", tol=1e-14, maxiter=100)
    full = np.zeros((M + 1, M))
    full[:M, : M - 1] = contrast
    full[M, M - 1] = 1
    array("rank_" + name, full @ fit.params)
    array("rank_%s_se" % name, np.sqrt(np.diag(full @ fit.cov_params() @ full.T)))
    robust = family(y[rows], z).fit(disp=0, method="newton", tol=1e-14, maxiter=100, cov_type="cluster",
                                    cov_kwds={"groups": prompt[rows], "use_correction": False})
    c = len(set(prompt[rows]))
    array("rank_%s_cluster_se" % name, np.sqrt(np.diag(full @ robust.cov_params() @ full.T) * c / (c - 1)))


# Rao and Kupper by scipy: strengths of sum 0, ln theta; errors from a numeric information
def rao_kupper(v):
    s = contrast @ v[:-1]
    d, t = s[a] - s[b], v[-1]
    if t <= 0:
        return np.inf
    first, second = log_expit(d - t), log_expit(-d - t)
    return -np.choose(out, [first, second, first + second + np.log(np.expm1(2 * t))]).sum()


best = scipy.optimize.minimize(rao_kupper, np.append(np.zeros(M - 1), .3), method="BFGS", options=dict(gtol=1e-5)).x
for _ in range(5):
    best = best - np.linalg.solve(sm.tools.numdiff.approx_hess(best, rao_kupper),
                                  sm.tools.numdiff.approx_fprime(best, rao_kupper, centered=True))
h = sm.tools.numdiff.approx_hess(best, rao_kupper)
grow = np.zeros((M + 1, M))
grow[:M, : M - 1] = contrast
grow[M, M - 1] = 1
array("rank_rao_kupper", np.append(contrast @ best[:-1], np.exp(best[-1])))
array("rank_rao_kupper_se", np.sqrt(np.diag(grow @ np.linalg.inv(h) @ grow.T)) * np.append(np.ones(M), np.exp(best[-1])))

# rankings with shared places, every set written out
tied = []
for _ in range(60):
    who = [int(i) for i in rng.permutation(M)[: rng.integers(2, M + 1)]]
    score = np.round((truth[who] + rng.gumbel(size=len(who))) * 1.2)
    tied.append([[w for w, s in zip(who, score) if s == v] for v in sorted(set(score), reverse=True)])
tied = [[g for g in r if len(g) <= 3] for r in tied]
tied = [r for r in tied if sum(map(len, r)) > 1]
text("rank_tied", ["".join(("(%s)" if len(g) > 1 else "%s") % "".join(map(str, g)) for g in r) + " " for r in tied])


def statistics(group):
    row = np.zeros(M + 4)  # strengths, then ln delta of 0 .. 3, of which 0 and 1 are 0
    row[list(group)] = 1 / len(group)
    row[M + len(group)] = 1
    return row


taken, sets, begins = [], [], []
for r in tied:
    left = [i for g in r for i in g]
    for g in r:
        taken.append(statistics(g))
        begins.append(len(sets))
        sets += [statistics(c) for k in (1, 2, 3) for c in itertools.combinations(left, k)]
        left = [i for i in left if i not in g]
grow = np.zeros((M + 4, M + 1))
grow[:M, : M - 1] = contrast
grow[M + 2, M - 1] = grow[M + 3, M] = 1
taken, sets = np.array(taken).sum(0) @ grow, np.array(sets) @ grow


def davidson_luce(v):
    return np.logaddexp.reduceat(sets @ v, begins).sum() - taken @ v


def slope(v):
    total = np.repeat(np.logaddexp.reduceat(sets @ v, begins), np.diff(begins + [len(sets)]))
    return np.exp(sets @ v - total) @ sets - taken


def information(v):
    return sm.tools.numdiff.approx_fprime(v, slope, centered=True)


best = np.zeros(M + 1)
for _ in range(30):
    best = best - np.linalg.solve(information(best), slope(best))
assert np.abs(slope(best)).max() < 1e-9
array("rank_davidson_luce", [*(contrast @ best[: M - 1]), *np.exp(best[M - 1 :])])
array("rank_davidson_luce_se", np.sqrt(np.diag(grow @ np.linalg.inv(information(best)) @ grow.T))[:M])

# arena-rank: ratings and the ends of its intervals; then with pairs weighed by 1/max(count, 50)
frame = pd.DataFrame({"model_a": ["m%d" % i for i in a], "model_b": ["m%d" % i for i in b],
                      "winner": np.choose(out, ["model_a", "model_b", "tie"])})
for name, weighed in (("arena", False), ("arena_weighed", True)):
    data = PairDataset.from_pandas(frame, reweighted=weighed, min_pair_count=15)
    got = BradleyTerry(M, ftol=1e-13, gtol=1e-13).compute_ratings_and_cis(data)
    array("rank_" + name, np.concatenate([got["ratings"], got["rating_lower"], got["rating_upper"]]))
    if weighed:
        count = frame.groupby([np.minimum(a, b), np.maximum(a, b)])["winner"].transform("size")
        array("rank_weight", 1 / np.maximum(count, 15))
