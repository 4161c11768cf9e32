/* How it works: all pairs of the micro-batch are read first (aot sorts them), then each term
 * adds its loss and slopes: score() bends c and r by the divergence, value_of() has a case a
 * loss, and votes, weights and the chain rule are the same for all of them (add). Slopes are in
 * c and r, the sums over answers, and reach the tokens by objective_pair_slopes. Called for each
 * micro-batch by dpo, online-dpo and spin. */
#include "learner/objective/objective_dpo.h"

#include "base/mem.h"
#include "learner/objective/logistic.h"
#include "learner/objective/objective_pair.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool bends;
} kinds[DPO_KINDS] = {
    [DPO_SIGMOID] = {"sigmoid", true},
    [DPO_CDPO] = {"cdpo", true},
    [DPO_ROBUST] = {"robust", true},
    [DPO_HINGE] = {"hinge", true},
    [DPO_IPO] = {"ipo", true},
    [DPO_IPO_SUM] = {"ipo_sum", true},
    [DPO_SIGMOID_NORM] = {"sigmoid_norm", true},
    [DPO_EXO] = {"exo_pair", true},
    [DPO_NCA] = {"nca_pair", false},
    [DPO_BCO] = {"bco_pair", false},
    [DPO_SPPO] = {"sppo_hard", false},
    [DPO_APO_ZERO] = {"apo_zero", false},
    [DPO_APO_DOWN] = {"apo_down", false},
    [DPO_DISCOPOP] = {"discopop", true},
    [DPO_AOT] = {"aot", false},
    [DPO_AOT_UNPAIRED] = {"aot_unpaired", false},
    [DPO_SFT] = {"sft", true},
};

const char *objective_dpo_name(enum objective_dpo_kind kind)
{
    return kinds[kind].name;
}

/* ipo_sum is found too, though only online-dpo has a word for it. */
int objective_dpo_kind(const char *name)
{
    for (int i = 0; i < DPO_KINDS; i++)
        if (!strcmp(kinds[i].name, name))
            return i;
    return -1;
}

bool objective_dpo_bends(enum objective_dpo_kind kind)
{
    return kinds[kind].bends;
}

/* What the losses of one pair read: ratios, scores and their slopes. */
struct dpo_view {
    double c, r;     /* ln pi/ref */
    double sc, sr;   /* scores */
    double dsc, dsr; /* d score / d ratio */
    double n_c, n_r; /* tokens, at least 1 */
};

struct dpo_value { /* a loss and its slopes in c and r */
    double loss, dc, dr;
};

/* What stands for x = ln pi/ref under the divergence, and its slope. exp of alpha's is held at 80,
 * where its slope is 0, as in TRL: beyond that float32 would be infinite there. */
static void score(const struct objective_dpo_conf *conf, double x, double *s, double *ds)
{
    const double a = conf->alpha - 1;

    switch (conf->divergence) {
    case DPO_FORWARD_KL:
        *ds = real_exp(-x);
        *s = 1 - *ds;
        return;
    case DPO_JS:
        *s = -logistic_log(0) + logistic_log(x);
        *ds = logistic_sigmoid(-x);
        return;
    case DPO_ALPHA:
        if (fabs(a) >= 1e-6) {
            const double e = real_exp(a * x < 80 ? a * x : 80);
            *s = (e - 1) / a;
            *ds = a * x <= 80 ? e : 0;
            return;
        }
        break; /* the limit is reverse_kl */
    case DPO_REVERSE_KL:
        break;
    }
    *s = x;
    *ds = 1;
}

/* A loss of z = b D with slope d, by the chain rule. */
static struct dpo_value of_gap(const struct dpo_view *v, double loss, double slope)
{
    return (struct dpo_value){loss, slope * v->dsc, -slope * v->dsr};
}

/* cdpo, and with e = 0 sigmoid: a share e of the labels is wrong. */
static struct dpo_value smoothed(const struct dpo_view *v, double b, double z, double e)
{
    return of_gap(v, -(1 - e) * logistic_log(z) - e * logistic_log(-z),
                  b * (-(1 - e) * logistic_sigmoid(-z) + e * logistic_sigmoid(z)));
}

/* The unbiased one of the two: wrong labels are taken off, so a single pair's loss may be
 * negative. */
static struct dpo_value robust(const struct dpo_view *v, double b, double z, double e)
{
    const double scale = 1 / (1 - 2 * e);

    return of_gap(v, scale * (-(1 - e) * logistic_log(z) + e * logistic_log(-z)),
                  scale * b * (-(1 - e) * logistic_sigmoid(-z) - e * logistic_sigmoid(z)));
}

/* Reverse KL between what the pair says and smoothed labels; q and 1 - q each from their own
 * sigmoid, for 1 - q of a q near 1 is 0. */
static struct dpo_value exo(const struct dpo_view *v, double b, double z, double e)
{
    const double q = logistic_sigmoid(z), p = logistic_sigmoid(-z);
    const double yes = logistic_log1p(-e), no = real_log(e);

    return of_gap(v, q * (logistic_log(z) - yes) + p * (logistic_log(-z) - no),
                  b * q * p * (z - yes + no));
}

/* A blend of the logistic and the exponential loss, by a share that itself depends on the gap. */
static struct dpo_value discopop(const struct dpo_view *v, double b, double z, double tau)
{
    const double m = logistic_sigmoid(z / tau), rest = logistic_sigmoid(-z / tau);
    const double blend = real_exp(-z + logistic_log(z / tau)); /* exp(-z) m, no overflow */
    const double turn = m * rest / tau;                        /* dm/dz */

    return of_gap(
        v, -logistic_log(z) * rest + blend,
        b * (-logistic_sigmoid(-z) * rest + logistic_log(z) * turn + blend * (rest / tau - 1)));
}

/* ipo and sigmoid_norm: the gap of means over tokens. */
static struct dpo_value averaged(const struct dpo_view *v, double b, bool squared)
{
    const double gap = v->sc / v->n_c - v->sr / v->n_r;
    const double miss = gap - 1 / (2 * b);
    const double loss = squared ? miss * miss : -logistic_log(b * gap);
    const double slope = squared ? 2 * miss : -b * logistic_sigmoid(-b * gap);

    return (struct dpo_value){loss, slope * v->dsc / v->n_c, -slope * v->dsr / v->n_r};
}

/* From here on chosen and rejected enter each for itself, not by their gap: what is chosen may be
 * pushed up as well as what is rejected down. */
static struct dpo_value nca(const struct dpo_view *v, double b)
{
    const double c = b * v->c, r = b * v->r;

    return (struct dpo_value){-logistic_log(c) - .5 * logistic_log(-c) - .5 * logistic_log(-r),
                              b * (-logistic_sigmoid(-c) + .5 * logistic_sigmoid(c)),
                              .5 * b * logistic_sigmoid(r)};
}

/* Each answer against 0, as in KTO with labels of certain pairs. */
static struct dpo_value bco(const struct dpo_view *v, double b)
{
    const double c = b * v->c, r = b * v->r;

    return (struct dpo_value){-logistic_log(c) - logistic_log(-r), -b * logistic_sigmoid(-c),
                              b * logistic_sigmoid(r)};
}

static struct dpo_value sppo(const struct dpo_view *v, double b)
{
    const double c = v->c - .5 / b, r = v->r + .5 / b;

    return (struct dpo_value){c * c + r * r, 2 * c, 2 * r};
}

/* d sigmoid(x) / dx */
static double bump(double x)
{
    return logistic_sigmoid(x) * logistic_sigmoid(-x);
}

static struct dpo_value apo_zero(const struct dpo_view *v, double b)
{
    return (struct dpo_value){logistic_sigmoid(-b * v->c) + logistic_sigmoid(b * v->r),
                              -b * bump(b * v->c), b * bump(b * v->r)};
}

static struct dpo_value apo_down(const struct dpo_view *v, double b)
{
    const double gap = b * (v->c - v->r);

    return (struct dpo_value){logistic_sigmoid(b * v->c) + logistic_sigmoid(-gap),
                              b * bump(b * v->c) - b * bump(gap), b * bump(gap)};
}

static struct dpo_value loss_of(const struct objective_dpo_conf *conf,
                                enum objective_dpo_kind kind, const struct dpo_view *v)
{
    const double b = conf->beta, z = b * (v->sc - v->sr), e = conf->label_smoothing;

    switch (kind) {
    case DPO_CDPO:
        return smoothed(v, b, z, e);
    case DPO_ROBUST:
        return robust(v, b, z, e);
    case DPO_HINGE:
        return of_gap(v, z < 1 ? 1 - z : 0, z < 1 ? -b : 0);
    case DPO_IPO:
        return averaged(v, b, true);
    case DPO_SIGMOID_NORM:
        return averaged(v, b, false);
    case DPO_EXO:
        return exo(v, b, z, e);
    case DPO_NCA:
        return nca(v, b);
    case DPO_BCO:
        return bco(v, b);
    case DPO_SPPO:
        return sppo(v, b);
    case DPO_APO_ZERO:
        return apo_zero(v, b);
    case DPO_APO_DOWN:
        return apo_down(v, b);
    case DPO_DISCOPOP:
        return discopop(v, b, z, conf->tau);
    default:
        return smoothed(v, b, z, 0);
    }
}

static struct dpo_view view_of(const struct objective_dpo_conf *conf,
                               enum objective_dpo_kind kind, const struct objective_answer *c,
                               const struct objective_answer *r)
{
    struct dpo_view v = {.c = c->logp - c->ref,
                         .r = r->logp - r->ref,
                         .n_c = kind == DPO_IPO_SUM ? 1 : c->length,
                         .n_r = kind == DPO_IPO_SUM ? 1 : r->length};

    score(conf, v.c, &v.sc, &v.dsc);
    score(conf, v.r, &v.sr, &v.dsr);
    return v;
}

/* The pair as written and, with a soft label, exchanged. */
static struct dpo_value both_ways(const struct objective_dpo_conf *conf,
                                  enum objective_dpo_kind kind,
                                  const struct objective_pair *pair)
{
    const struct dpo_view as = view_of(conf, kind, &pair->chosen, &pair->rejected);
    const enum objective_dpo_kind rule = kind == DPO_IPO_SUM ? DPO_IPO : kind;
    struct dpo_value out = loss_of(conf, rule, &as);

    if (pair->soft < 1) {
        const double q = pair->soft;
        const struct dpo_view turned = view_of(conf, kind, &pair->rejected, &pair->chosen);
        const struct dpo_value other = loss_of(conf, rule, &turned);
        out.loss = q * out.loss + (1 - q) * other.loss;
        out.dc = q * out.dc + (1 - q) * other.dr;
        out.dr = q * out.dr + (1 - q) * other.dc;
    }
    return out;
}

struct dpo_batch { /* everything about the micro-batch at hand */
    const struct objective_dpo_conf *conf;
    const struct objective_in *in;
    struct objective_out *out;
    struct objective_pair *pair; /* [n] */
    int n;
};

/* WPO's factor of a pair. */
static double policy_weight(const struct dpo_batch *b, int i)
{
    return b->conf->use_weighting
               ? real_exp(b->pair[i].chosen.square + b->pair[i].rejected.square)
               : 1;
}

static void add(const struct dpo_batch *b, int i, double share, struct dpo_value value)
{
    const double scale = share * b->pair[i].weight / b->in->normaliser;

    b->out->loss += scale * value.loss;
    if (b->out->dlogprob)
        objective_pair_slopes(b->out->dlogprob, b->in, i, b->conf->ld_alpha, scale * value.dc,
                              scale * value.dr);
}

static void term(const struct dpo_batch *b, enum objective_dpo_kind kind, double weight)
{
    for (int i = 0; i < b->n; i++)
        add(b, i, weight * policy_weight(b, i), both_ways(b->conf, kind, &b->pair[i]));
}

struct dpo_ranked {
    double value;
    int at;
};

static int rising(const void *a, const void *b)
{
    const struct dpo_ranked *x = a, *y = b;

    return x->value != y->value ? (x->value > y->value) - (x->value < y->value) : x->at - y->at;
}

/* Ranks a column; `what` 0: policy's ratio of the two answers, 1: the reference's, 2: c, 3: r.
 */
static void rank(const struct dpo_batch *b, struct dpo_ranked *out, int what)
{
    for (int i = 0; i < b->n; i++) {
        const struct objective_answer *c = &b->pair[i].chosen, *r = &b->pair[i].rejected;
        const double value[] = {c->logp - r->logp, c->ref - r->ref, c->logp - c->ref,
                                r->logp - r->ref};
        out[i] = (struct dpo_ranked){value[what], i};
    }
    qsort(out, (size_t)b->n, sizeof(*out), rising);
}

/* Alignment by optimal transport: the k-th smallest of one column meets the k-th of another. */
static void transport(const struct dpo_batch *b, bool unpaired, double weight)
{
    struct dpo_ranked *up = mem_new((size_t)b->n, sizeof(*up));
    struct dpo_ranked *down = mem_new((size_t)b->n, sizeof(*down));
    const struct dpo_view straight = {.dsc = 1, .dsr = 1};
    const double beta = b->conf->beta;

    rank(b, up, unpaired ? 2 : 0);
    rank(b, down, unpaired ? 3 : 1);
    for (int k = 0; k < b->n; k++) {
        const struct dpo_value v = smoothed(
            &straight, beta, beta * (up[k].value - down[k].value), b->conf->label_smoothing);
        if (!unpaired) { /* both slopes go to the pair whose policy ratio it was */
            add(b, up[k].at, weight, v);
            continue;
        }
        add(b, up[k].at, weight, (struct dpo_value){v.loss, v.dc, 0});
        add(b, down[k].at, weight, (struct dpo_value){0, 0, v.dr});
    }
    free(up);
    free(down);
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_dpo_conf *c = conf;
    struct dpo_batch b = {c, in, out, NULL, in->n_seq / 2};
    struct objective_pair_log log = {0};

    objective_begin(in, out);
    b.pair = mem_new((size_t)b.n + 1, sizeof(*b.pair));
    for (int i = 0; i < b.n; i++) {
        const struct objective_pair *p = &b.pair[i];
        objective_pair_read(&b.pair[i], in, i, c->ld_alpha);
        objective_pair_note(&log, p, c->beta * (p->chosen.logp - p->chosen.ref),
                            c->beta * (p->rejected.logp - p->rejected.ref));
    }
    for (int k = 0; k < c->terms; k++) {
        if (c->term[k].kind == DPO_SFT)
            objective_pair_nll(in, out, c->term[k].weight);
        else if (c->term[k].kind == DPO_AOT || c->term[k].kind == DPO_AOT_UNPAIRED)
            transport(&b, c->term[k].kind == DPO_AOT_UNPAIRED, c->term[k].weight);
        else
            term(&b, c->term[k].kind, c->term[k].weight);
    }
    free(b.pair);
    objective_pair_metrics(&log, in, out);
}

const struct objective objective_dpo = {.name = "dpo",
                                        .logprob = true,
                                        .entropy = true,
                                        .reference = true,
                                        .group = 2,
                                        .count = objective_pair_count,
                                        .count_tokens = objective_pair_tokens,
                                        .run = run};
