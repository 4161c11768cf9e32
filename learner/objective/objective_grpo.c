/* How it works: sequence by sequence. measure() gathers what a whole sequence needs before its
 * first token: its ratio (GSPO), its sum (vespo), its staleness, the weight of a token. token() then
 * has a term of the loss with two slopes, by the log of the ratio and by the log-probability;
 * with a ratio of the sequence the first is collected and shared out over its tokens. Only with
 * top_entropy_quantile is the micro-batch looked at as a whole, for the quantile. Called for
 * each micro-batch of grpo and reinforce++. */
#include "learner/objective/objective_grpo.h"

#include "base/mem.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const objective_grpo_names[] = {"dapo", "grpo",  "bnpo",  "dr_grpo", "cispo",
                                            "sapo", "luspo", "vespo", NULL};

struct objective_grpo_conf objective_grpo_plain(enum objective_grpo_loss loss)
{
    return (struct objective_grpo_conf){.loss = loss,
                                        .delta = (double)NAN,
                                        .top_entropy_quantile = 1,
                                        .off_policy_mask_threshold = (double)NAN};
}

/* What a packed micro-batch adds up. */
struct grpo_work {
    const struct objective_grpo_conf *conf;
    const struct objective_in *in;
    struct objective_out *out;
    double threshold;                       /* of the entropy */
    double loss, kl, entropy, tokens;       /* sums */
    double uncertain;                       /* tokens above the threshold */
    double bonus;                           /* their entropy */
    double low, high, figures, least, most; /* of clipped ratios */
    double phi;
};

/* One sequence. */
struct grpo_sequence {
    int from, to;
    double learnt;
    double ratio;     /* of the sequence level, and log of it */
    double log_sum;   /* sum of log ratios, bounded as vespo's */
    double staleness; /* mean of behaviour - logprob */
    double weight;    /* of a token's loss */
    double low, high, region;
};

struct grpo_term { /* a loss, its slope by the log of the ratio, and by the log-probability */
    double loss, by_ratio, by_logprob;
};

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Answers of older weights have a proximal policy; else who wrote is the one that is trained. */
static double old_of(const struct objective_in *in, int t)
{
    return (double)(in->proximal ? in->proximal[t] : in->behaviour[t]);
}

/* Equal entropies are equal: qsort need not be stable for a quantile. */
static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The quantile of the learnt tokens' entropies, between neighbours as torch.quantile. */
static double quantile(const struct objective_in *in, double q)
{
    float *const sorted = mem_new((size_t)in->n, sizeof *sorted);
    int n = 0;

    for (int t = 0; t < in->n; t++)
        if (in->learn[t])
            sorted[n++] = in->entropy[t];
    double value = -INFINITY;
    if (n) {
        qsort(sorted, (size_t)n, sizeof *sorted, ascending);
        const double place = q * (n - 1);
        const int below = (int)place, above = below + 1 < n ? below + 1 : below;
        const double low = (double)sorted[below], high = (double)sorted[above];
        value = low + (place - below) * (high - low);
    }
    free(sorted);
    return value;
}

/* What a sequence's tokens need to know of it. Sums of log ratios are bounded where TRL bounds
 * them, before vespo's exp. */
static struct grpo_sequence measure(const struct grpo_work *w, int s)
{
    const struct objective_in *const in = w->in;
    struct grpo_sequence p = {.from = in->seq[s], .to = in->seq[s + 1]};
    double sum = 0;

    for (int t = p.from; t < p.to; t++) {
        if (!in->learn[t])
            continue;
        const double x = (double)in->logprob[t] - old_of(in, t);
        p.learnt++;
        sum += x;
        p.log_sum += clamp(x, -20, 20);
        if (in->importance)
            p.log_sum += clamp(real_log((double)in->importance[t]), real_log(1e-8), 20);
        p.staleness += (double)in->behaviour[t] - (double)in->logprob[t];
    }
    const double n = p.learnt > 1 ? p.learnt : 1;
    p.ratio = real_exp(sum / n);
    p.staleness /= n;
    p.log_sum = clamp(p.log_sum, real_log(1e-8), 20);
    switch (w->conf->loss) {
    case OBJECTIVE_GRPO:
    case OBJECTIVE_SAPO:
        p.weight = 1 / n;
        break;
    case OBJECTIVE_DR_GRPO:
        p.weight = 1.0 / w->conf->max_completion_length;
        break;
    default:
        p.weight = 1;
    }
    return p;
}

/* Where the held branch is the larger one and the ratio beyond the clip, the loss is flat; so it
 * is where delta bounds the plain one. */
static struct grpo_term clipped(const struct objective_grpo_conf *conf, double r, double A)
{
    const double low = 1 - conf->epsilon, high = 1 + conf->epsilon_high;
    const double plain = -A * fmin(r, conf->delta), held = -A * clamp(r, low, high);
    const bool flat = held > plain ? r < low || r > high : r > conf->delta;

    return (struct grpo_term){fmax(plain, held), flat ? 0 : -A * r, 0};
}

/* SAPO: a gate in place of a clip, steeper where the advantage is negative. */
static struct grpo_term soft(const struct objective_grpo_conf *conf, double r, double A)
{
    const double tau = A > 0 ? conf->sapo_temperature_pos : conf->sapo_temperature_neg;
    const double s = 1 / (1 + real_exp(-tau * (r - 1)));

    return (struct grpo_term){-4 / tau * s * A, -4 * s * (1 - s) * A * r, 0};
}

/* VESPO's weight of a sequence; what overflows teaches nothing. */
static double phi(const struct objective_grpo_conf *conf, double log_w, double A)
{
    const double k = A >= 0 ? conf->vespo_k_pos : conf->vespo_k_neg;
    const double lambda = fmax(A >= 0 ? conf->vespo_lambda_pos : conf->vespo_lambda_neg, 1e-4);
    const double value = real_exp(lambda + k * log_w - lambda * real_exp(log_w));

    return isfinite(value) ? value : 0;
}

/* cispo and vespo hold their factor fixed: its slope is that of the log-probability alone. */
static struct grpo_term policy(struct grpo_work *w, const struct grpo_sequence *p, double r,
                               int t)
{
    const struct objective_grpo_conf *const conf = w->conf;
    const double A = (double)w->in->advantage[t], logprob = (double)w->in->logprob[t];
    double factor;

    switch (conf->loss) {
    case OBJECTIVE_SAPO:
        return soft(conf, r, A);
    case OBJECTIVE_CISPO:
        factor = fmin(r, conf->epsilon_high);
        break;
    case OBJECTIVE_VESPO:
        factor = phi(conf, p->log_sum, A);
        break;
    default:
        return clipped(conf, r, A);
    }
    return (struct grpo_term){-factor * A * logprob, 0, -factor * A};
}

/* Zero where the token or its sequence is left out, else the token's importance. */
static double keep(const struct grpo_work *w, const struct grpo_sequence *p, int t)
{
    const struct objective_grpo_conf *const conf = w->conf;
    const struct objective_in *const in = w->in;

    if (in->advantage[t] < 0 && p->staleness > conf->off_policy_mask_threshold)
        return 0;
    if (conf->top_entropy_quantile < 1 && (double)in->entropy[t] < w->threshold)
        return 0;
    return in->importance && conf->loss != OBJECTIVE_VESPO ? (double)in->importance[t] : 1;
}

/* k3, with the ratio before it under use_bias_correction_kl: the estimator is then unbiased for
 * answers that were not written by the policy, and its slope has two parts. */
static void add_kl(struct grpo_work *w, double r, int t, struct grpo_term *term)
{
    const double d = (double)w->in->reference[t] - (double)w->in->logprob[t];
    const double k = real_exp(d) - d - 1, slope = 1 - real_exp(d);
    const double factor = w->conf->use_bias_correction_kl ? r : 1;

    term->loss += w->conf->beta * factor * k;
    term->by_logprob += w->conf->beta * factor * slope;
    if (w->conf->use_bias_correction_kl)
        term->by_ratio += w->conf->beta * r * k;
    w->kl += factor * k;
}

/* Only what the clip changes counts: a ratio below it with A < 0, above it with A > 0. */
static void note(const struct grpo_work *w, struct grpo_sequence *p, double r, double A)
{
    const struct objective_grpo_conf *const conf = w->conf;
    const bool cispo = conf->loss == OBJECTIVE_CISPO;
    const bool low = !cispo && r < 1 - conf->epsilon && A < 0;
    const bool high = r > (cispo ? conf->epsilon_high : 1 + conf->epsilon_high) && A > 0;

    p->low += low;
    p->high += high;
}

/* One token; returns the slope by the sequence's log ratio, for the whole sequence to share. */
static double token(struct grpo_work *w, struct grpo_sequence *p, int t)
{
    const struct objective_in *const in = w->in;
    const double x = (double)in->logprob[t] - old_of(in, t);
    const double r = w->conf->sequence ? p->ratio : real_exp(x);
    struct grpo_term term = policy(w, p, r, t);
    const double kept = keep(w, p, t), scale = p->weight / in->normaliser;

    term.loss *= kept;
    term.by_ratio *= kept;
    term.by_logprob *= kept;
    if (w->conf->beta != 0)
        add_kl(w, r, t, &term);
    note(w, p, r, (double)in->advantage[t]);
    w->loss += scale * term.loss;
    if (w->out->dlogprob)
        w->out->dlogprob[t] =
            (float)(scale * (term.by_logprob + (w->conf->sequence ? 0 : term.by_ratio)));
    return scale * term.by_ratio;
}

/* A ratio of the sequence moves with each of its tokens alike. */
static void share(struct grpo_work *w, const struct grpo_sequence *p, double slope)
{
    for (int t = p->from; t < p->to; t++)
        if (w->in->learn[t])
            w->out->dlogprob[t] = (float)((double)w->out->dlogprob[t] + slope / p->learnt);
}

/* Ratios beyond the clip: shares of tokens, or of sequences where those have the ratio. */
static void add_totals(struct grpo_work *w, const struct grpo_sequence *p)
{
    const double n = w->conf->sequence ? p->learnt : 1;

    if (!(p->learnt > 0))
        return;
    w->low += p->low / n;
    w->high += p->high / n;
    w->figures += p->learnt / n;
    w->least = fmin(w->least, p->low / p->learnt);
    w->most = fmax(w->most, p->high / p->learnt);
}

static void sequence(struct grpo_work *w, int s)
{
    const struct objective_in *const in = w->in;
    struct grpo_sequence p = measure(w, s);
    double slope = 0;

    for (int t = p.from; t < p.to; t++) {
        if (w->out->dlogprob)
            w->out->dlogprob[t] = 0;
        if (w->out->dentropy)
            w->out->dentropy[t] = 0;
        if (!in->learn[t])
            continue;
        slope += token(w, &p, t);
        w->entropy += (double)in->entropy[t];
        w->tokens++;
        if (w->conf->top_entropy_quantile >= 1 || (double)in->entropy[t] >= w->threshold) {
            w->uncertain++;
            w->bonus += (double)in->entropy[t];
        }
    }
    if (w->conf->sequence && w->out->dlogprob)
        share(w, &p, slope);
    if (w->conf->loss == OBJECTIVE_VESPO && p.learnt > 0)
        w->phi += phi(w->conf, p.log_sum, (double)in->advantage[p.to - 1]);
    add_totals(w, &p);
}

/* The mean over the micro-batch's uncertain tokens, by the micro-batch's share of the step. */
static void entropy_bonus(struct grpo_work *w)
{
    const struct objective_in *const in = w->in;
    const double step = in->step_tokens > 0 ? in->step_tokens : w->tokens;

    w->out->bonus_entropy = w->bonus;
    w->out->bonus_tokens = w->uncertain;
    if (in->entropy_coef == 0 || !(w->uncertain > 0))
        return;
    const double each = in->entropy_coef * (w->tokens / step) / w->uncertain;
    w->out->loss -= each * w->bonus;
    for (int t = 0; t < in->n && w->out->dentropy; t++)
        if (in->learn[t] &&
            (w->conf->top_entropy_quantile >= 1 || (double)in->entropy[t] >= w->threshold))
            w->out->dentropy[t] = (float)-each;
}

static void metrics(struct grpo_work *w)
{
    struct objective_out *const out = w->out;
    const double n = w->figures;

    if (w->conf->beta != 0)
        objective_metric(out, "kl", w->kl, w->tokens);
    objective_metric(out, "entropy", w->entropy, w->tokens);
    if (out->dentropy)
        objective_metric(out, "policy_loss", w->loss, 1);
    switch (w->conf->loss) {
    case OBJECTIVE_SAPO:
        return;
    case OBJECTIVE_CISPO:
        objective_metric(out, "cispo_clip_ratio", w->high, n);
        return;
    case OBJECTIVE_VESPO:
        objective_metric(out, "vespo/phi_seq_mean", w->phi, w->in->n_seq);
        return;
    default:
        objective_metric(out, "clip_ratio/low_mean", w->low, n);
        objective_metric(out, "clip_ratio/high_mean", w->high, n);
        objective_metric(out, "clip_ratio/region_mean", w->low + w->high, n);
        objective_extreme(out, "clip_ratio/low_min", OBJECTIVE_LEAST,
                          isfinite(w->least) ? w->least : 0);
        objective_extreme(out, "clip_ratio/high_max", OBJECTIVE_MOST, w->most);
    }
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    struct grpo_work w = {.conf = conf, .in = in, .out = out, .least = INFINITY};

    if (w.conf->top_entropy_quantile < 1)
        w.threshold = quantile(in, 1 - w.conf->top_entropy_quantile);
    for (int s = 0; s < in->n_seq; s++)
        sequence(&w, s);
    out->loss = w.loss;
    entropy_bonus(&w);
    metrics(&w);
}

/* Three rows, for a normaliser is known before the first backward: tokens of the step, of the
 * micro-batch (bnpo), or sequences of the step. */
const struct objective *objective_grpo(enum objective_grpo_loss loss)
{
    static const struct objective tokens = {.name = "grpo_tokens",
                                            .logprob = true,
                                            .entropy = true,
                                            .dentropy = true,
                                            .group = 1,
                                            .count = objective_tokens,
                                            .run = run};
    static const struct objective apart = {.name = "grpo_tokens_apart",
                                           .logprob = true,
                                           .entropy = true,
                                           .dentropy = true,
                                           .apart = true,
                                           .group = 1,
                                           .count = objective_tokens,
                                           .run = run};
    static const struct objective sequences = {.name = "grpo_sequences",
                                               .logprob = true,
                                               .entropy = true,
                                               .dentropy = true,
                                               .group = 1,
                                               .count = objective_sequences,
                                               .run = run};

    switch (loss) {
    case OBJECTIVE_GRPO:
    case OBJECTIVE_DR_GRPO:
    case OBJECTIVE_SAPO:
    case OBJECTIVE_LUSPO:
        return &sequences;
    case OBJECTIVE_BNPO:
        return &apart;
    default:
        return &tokens;
    }
}
