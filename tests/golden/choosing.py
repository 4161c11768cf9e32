"""Golden numbers of active choice from numpy and scipy -> choosing.inc.

    python tests/golden/choosing.py > tests/golden/choosing.inc

The head is fitted by scipy.optimize, variances come from an inverse, information from adaptive
quadrature, and a batch is chosen by inverting the curvature anew after each row: none of it as
stats/choosing.c does it."""
import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize, root
from scipy.special import entr, expit, log_expit

rng = np.random.default_rng(1414)
D, LABELLED, POOL, BATCH, PENALTY = 4, 14, 16, 6, 0.3
print("/* Made by tests/golden/choosing.py. */")
print("enum { CHOOSING_D = %d, CHOOSING_LABELLED = %d, CHOOSING_POOL = %d, CHOOSING_BATCH = %d };"
      % (D, LABELLED, POOL, BATCH))


def array(name, values, kind="double", form="%.17g,"):
    print("static const %s %s[] = {" % (kind, name))
    values = list(np.ravel(values))
    for i in range(0, len(values), 3):
        print("    " + " ".join(form % v for v in values[i : i + 3]))
    print("};")


def entropy(p):
    return entr(p) + entr(1 - p)


x = np.round(rng.normal(size=(LABELLED, D)), 3)
y = np.where(rng.random(LABELLED) < 0.15, 0.5, rng.random(LABELLED) < expit(x @ [1, -1, 0.5, 0]))
weight = np.round(rng.random(LABELLED) + 0.5, 2)
pool = np.round(rng.normal(size=(POOL, D)), 3)
pool[1] = pool[0] * 1.01  # twins: a batch takes one of them at first


def minus(w):
    m = x @ w
    return -np.sum(weight * (y * log_expit(m) + (1 - y) * log_expit(-m))) + PENALTY * w @ w / 2


def slope(w):
    return -x.T @ (weight * (y - expit(x @ w))) + PENALTY * w


w = minimize(minus, np.zeros(D), jac=slope, method="BFGS", options={"gtol": 1e-13}).x
w = root(slope, w, tol=1e-15).x  # BFGS stops where the function rises no more, at half the digits
p = expit(x @ w)
curve = (x * (weight * p * (1 - p))[:, None]).T @ x + PENALTY * np.eye(D)
mean = pool @ w


def information(m, v):
    def normal(z):
        return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

    s = np.sqrt(v)
    chance = quad(lambda z: normal(z) * expit(m + s * z), -12, 12, epsabs=1e-14, limit=400)[0]
    within = quad(lambda z: normal(z) * entropy(expit(m + s * z)), -12, 12, epsabs=1e-14, limit=400)[0]
    return entropy(chance) - within


def variances(c):
    return np.einsum("ij,jk,ik->i", pool, np.linalg.inv(c), pool)


before = variances(curve)


def worth(way, c):
    v, q = variances(c), expit(mean)
    if way == "uncertainty":
        return (1 - np.abs(2 * q - 1)) * v / before
    if way == "information":
        return np.array([information(m, s) for m, s in zip(mean, v)])
    if way == "prediction":
        covariance = pool @ np.linalg.inv(c) @ pool.T
        noisy = covariance + np.diag(1 / (q * (1 - q)))
        return np.array([sum(-np.log(np.linalg.det([[noisy[i, i], covariance[i, t]], [covariance[i, t], noisy[t, t]]])
                                     / noisy[i, i] / noisy[t, t]) for t in range(POOL)) / 2 / POOL for i in range(POOL)])
    return np.array([np.linalg.slogdet(c + a * np.outer(r, r))[1] - np.linalg.slogdet(c)[1]
                     for a, r in zip(q * (1 - q), pool)])


array("choosing_x", x)
array("choosing_y", y)
array("choosing_weight", weight)
array("choosing_pool", pool)
print("static const double choosing_penalty = %.17g;" % PENALTY)
array("choosing_w", w)
array("choosing_mean", mean)
array("choosing_variance", before)
array("choosing_loglik", [-minus(w) + PENALTY * w @ w / 2])
for way in ("uncertainty", "information", "determinant", "prediction"):
    c, rows, scores = curve.copy(), [], []
    for _ in range(BATCH):
        score = worth(way, c)
        score[rows] = -1
        at = int(np.argmax(score))
        rows.append(at)
        scores.append(score[at])
        q = expit(mean[at])
        c += q * (1 - q) * np.outer(pool[at], pool[at])
    array("choosing_%s_row" % way, rows, "int", "%d,")
    array("choosing_%s_score" % way, scores)

# Leading directions: what a Gram matrix of rows says, which no choice of a basis changes.
wide = rng.normal(size=(POOL, 3)) @ rng.normal(size=(3, 9)) + 0.3 * rng.normal(size=(POOL, 9)) + [9, 0, 0, 0, 0, 0, 0, 0, 0]
wide = np.round(wide * np.array([1, 40, 1, 0.01, 1, 1, 0, 1, 1]), 4)
half = wide[: POOL // 2]
even = wide / np.where(half.any(axis=0), np.sqrt(np.mean(half**2, axis=0)), 1)
few = even @ np.linalg.eigh(even[: POOL // 2].T @ even[: POOL // 2])[1][:, -3:]
few /= np.sqrt(np.sum(few[: POOL // 2] ** 2) / (POOL // 2))
array("choosing_wide", wide)
array("choosing_gram", few @ few.T)
points = [(0, 1), (0, 25), (2, 0.5), (-6, 9), (3, 1e-3), (0, 400)]
array("choosing_points", [(m, v, information(m, v)) for m, v in points])
