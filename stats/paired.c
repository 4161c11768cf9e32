/* How: the two logistic models with ties differ in shape. Davidson's outcomes are the classes of
 * a multinomial logit (log-weights eta/2, ln nu, -eta/2), whose information is the covariance of
 * its statistics, whatever was seen. Rao and Kupper's are an ordered logit with thresholds at
 * -tie and tie, whose tie has P = (theta^2 - 1) P(first) P(second), so that its logarithm is a
 * sum of the other two and a term of theta. The probit's tails are taken from the asymptotic
 * series where the distribution itself has no digits left. */

#include "stats/paired.h"

#include "stats/normal.h"

#include <math.h>
#include <string.h>

/* Below this erfc is near the end of its range; the series' first term left out is 2e-12 there. */
static const double far_tail = -30;

bool paired_has_tie(enum paired_model model)
{
    return model == PAIRED_DAVIDSON || model == PAIRED_RAO_KUPPER;
}

/* ln 1 / (1 + exp(-x)), without overflow on either side. */
static double log_sigmoid(double x)
{
    return x >= 0 ? -log1p(exp(-x)) : x - log1p(exp(x));
}

/* ln Phi(x). */
static double log_phi(double x)
{
    const double x2 = x * x;

    if (x > far_tail)
        return log(normal_cdf(x));
    return -x2 / 2 - log(-x) - 0.91893853320467274 +
           log1p((-1 + (3 + (-15 + 105 / x2) / x2) / x2) / x2);
}

/* The slope of ln Phi: density over distribution. */
static double mills(double x)
{
    return exp(-x * x / 2 - 0.91893853320467274 - log_phi(x));
}

void paired_chances(double log_p[PAIRED_OUTCOMES], enum paired_model model, double eta,
                    double tie)
{
    const double u[3] = {eta / 2, tie, -eta / 2};
    double top, sum;

    switch (model) {
    case PAIRED_DAVIDSON:
        top = fmax(fabs(eta) / 2, tie);
        sum = top + log(exp(u[0] - top) + exp(u[1] - top) + exp(u[2] - top));
        for (int k = 0; k < 3; k++)
            log_p[k] = u[k] - sum;
        return;
    case PAIRED_RAO_KUPPER:
        log_p[PAIRED_FIRST] = log_sigmoid(eta - tie);
        log_p[PAIRED_SECOND] = log_sigmoid(-eta - tie);
        log_p[PAIRED_TIE] =
            tie > 0 ? log(expm1(2 * tie)) + log_p[PAIRED_FIRST] + log_p[PAIRED_SECOND] : NAN;
        return;
    case PAIRED_PROBIT:
        log_p[PAIRED_FIRST] = log_phi(eta);
        log_p[PAIRED_SECOND] = log_phi(-eta);
        break;
    case PAIRED_HALF:
    default:
        log_p[PAIRED_FIRST] = log_sigmoid(eta);
        log_p[PAIRED_SECOND] = log_sigmoid(-eta);
    }
    log_p[PAIRED_TIE] = -INFINITY;
}

/* Multinomial logit: statistics (1/2, 0, -1/2) of eta and (0, 1, 0) of the tie. */
static void davidson(struct paired *out)
{
    static const double eta[3] = {.5, 0, -.5};
    double p[3], mean;

    for (int k = 0; k < 3; k++)
        p[k] = exp(out->log_p[k]);
    mean = (p[0] - p[2]) / 2;
    for (int k = 0; k < 3; k++) {
        out->by_eta[k] = eta[k] - mean;
        out->by_tie[k] = (k == PAIRED_TIE) - p[1];
        out->eta_eta[k] = (p[0] + p[2]) / 4 - mean * mean;
        out->eta_tie[k] = -mean * p[1];
        out->tie_tie[k] = p[1] * (1 - p[1]);
    }
}

/* Ordered logit. The term of theta in a tie's logarithm is ln(exp(2 tie) - 1). */
static void rao_kupper(struct paired *out, double tie)
{
    const double a = exp(out->log_p[PAIRED_FIRST]), b = exp(out->log_p[PAIRED_SECOND]);
    const double va = a * (1 - a), vb = b * (1 - b), low = -expm1(-2 * tie);

    *out = (struct paired){
        .log_p = {out->log_p[0], out->log_p[1], out->log_p[2]},
        .by_eta = {1 - a, b - a, b - 1},
        .by_tie = {a - 1, a + b - 2 + 2 / low, b - 1},
        .eta_eta = {va, va + vb, vb},
        .eta_tie = {-va, vb - va, vb},
        .tie_tie = {va, va + vb + 4 * exp(-2 * tie) / (low * low), vb},
    };
}

static void two_sided(struct paired *out, enum paired_model model, double eta)
{
    if (model == PAIRED_PROBIT) {
        const double up = mills(eta), down = mills(-eta);
        out->by_eta[PAIRED_FIRST] = up;
        out->by_eta[PAIRED_SECOND] = -down;
        out->eta_eta[PAIRED_FIRST] = up * (eta + up);
        out->eta_eta[PAIRED_SECOND] = down * (down - eta);
    } else {
        const double p = exp(out->log_p[PAIRED_FIRST]), q = exp(out->log_p[PAIRED_SECOND]);
        out->by_eta[PAIRED_FIRST] = q;
        out->by_eta[PAIRED_SECOND] = -p;
        out->eta_eta[PAIRED_FIRST] = out->eta_eta[PAIRED_SECOND] = p * q;
    }
}

void paired_slopes(struct paired *out, enum paired_model model, double eta, double tie)
{
    memset(out, 0, sizeof *out);
    paired_chances(out->log_p, model, eta, tie);
    if (model == PAIRED_DAVIDSON)
        davidson(out);
    else if (model == PAIRED_RAO_KUPPER)
        rao_kupper(out, tie);
    else
        two_sided(out, model, eta);
}
