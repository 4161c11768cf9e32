/* How it works: first the anchor z of the micro-batch, from the mismatched answers that the
 * caller scored (seq_kl_baseline), held fixed: it has no slope. Then each answer alone: its loss by
 * its label, its slope over its tokens. Called for each micro-batch. */
#include "learner/objective/objective_kto.h"

#include "learner/objective/logistic.h"

#include <string.h>

static double weight_of(const struct objective_in *in, int s)
{
    return in->seq_weight ? (double)in->seq_weight[s] : 1;
}

static double count(const struct objective_in *in)
{
    double sum = 0;

    for (int s = 0; s < in->n_seq; s++)
        sum += weight_of(in, s);
    return sum;
}

struct kto_side { /* sums over the answers with one label */
    double n, reward, logp, tokens, logit;
};

/* z is never negative: a policy that fell below the reference everywhere would otherwise call
 * each answer a gain. */
static double anchor(const struct objective_kto_conf *conf, const struct objective_in *in)
{
    double sum = 0;

    if (!conf->anchored || !in->seq_kl_baseline || !in->n_seq)
        return 0;
    for (int s = 0; s < in->n_seq; s++)
        sum += (double)in->seq_kl_baseline[s];
    return sum > 0 ? sum / in->n_seq : 0;
}

/* ln pi/ref of one answer; what the log wants goes to `side`. */
static double ratio(const struct objective_in *in, int s, double beta, struct kto_side *side)
{
    double logp = 0, ref = 0;

    for (int i = in->seq[s]; i < in->seq[s + 1]; i++) {
        if (in->learn[i] != 1)
            continue;
        logp += (double)in->logprob[i];
        ref += in->reference ? (double)in->reference[i] : 0;
        side->tokens++;
        side->logit += in->mean_logit ? (double)in->mean_logit[i] : 0;
    }
    side->n++;
    side->logp += logp;
    side->reward += beta * (logp - ref);
    return logp - ref;
}

static void slopes(const struct objective_in *in, struct objective_out *out, int s,
                   double slope)
{
    for (int i = in->seq[s]; out->dlogprob && i < in->seq[s + 1]; i++)
        out->dlogprob[i] = in->learn[i] == 1 ? (float)slope : 0;
}

/* TRL leaves margins out where a micro-batch has answers of one label alone: weight 0 here. */
static void metrics(const struct objective_in *in, struct objective_out *out,
                    const struct kto_side *good, const struct kto_side *bad)
{
    const bool both = good->n > 0 && bad->n > 0;
    double entropy = 0;

    objective_metric(out, "rewards/chosen", good->reward, good->n);
    objective_metric(out, "rewards/rejected", bad->reward, bad->n);
    objective_metric(out, "rewards/margins",
                     both ? good->reward / good->n - bad->reward / bad->n : 0, both);
    objective_metric(out, "logps/chosen", good->logp, good->n);
    objective_metric(out, "logps/rejected", bad->logp, bad->n);
    if (in->mean_logit) {
        objective_metric(out, "logits/chosen", good->logit, good->tokens);
        objective_metric(out, "logits/rejected", bad->logit, bad->tokens);
    }
    for (int i = 0; in->entropy && i < in->n; i++)
        entropy += in->learn[i] == 1 ? (double)in->entropy[i] : 0;
    if (in->entropy)
        objective_metric(out, "entropy", entropy, good->tokens + bad->tokens);
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_kto_conf *c = conf;
    const double z = anchor(c, in);
    struct kto_side side[2];

    memset(side, 0, sizeof(side));
    objective_begin(in, out);
    for (int s = 0; s < in->n_seq; s++) {
        const bool good = in->seq_label[s] == 1;
        const double x = ratio(in, s, c->beta, &side[good]);
        const double y = (good ? 1 : -1) * c->beta * (x - z); /* loss is sigmoid(-y) */
        const double scale =
            (good ? c->desirable : c->undesirable) * weight_of(in, s) / in->normaliser;
        out->loss += scale * logistic_sigmoid(-y);
        slopes(in, out, s,
               (good ? -1 : 1) * scale * c->beta * logistic_sigmoid(y) * logistic_sigmoid(-y));
    }
    objective_metric(out, "kl", z * in->n_seq, in->n_seq);
    metrics(in, out, &side[1], &side[0]);
}

const struct objective objective_kto = {.name = "kto",
                                        .logprob = true,
                                        .entropy = true,
                                        .reference = true,
                                        .kl_baseline = true,
                                        .group = 1,
                                        .count = count,
                                        .run = run};
