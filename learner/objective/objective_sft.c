/* How it works: a sum over learnt tokens, divided by those of the whole step, which the caller
 * counted. dft weighs a token by its own probability, held fixed; smoothing gives every token of the
 * vocabulary a part of the label's weight. Called for each micro-batch by
 * sft, and by raft on the answers that were taken. */
#include "learner/objective/objective_sft.h"

#include "lm/kernel/real.h"

#include <stddef.h>

static double learnt(const struct objective_in *in)
{
    double n = 0;

    for (int i = 0; i < in->n; i++)
        n += in->learn[i];
    return n;
}

/* What every token of the vocabulary has of the loss, beside the label's own part; *out: slopes
 * of mean_logprob. Without smoothing there is none, and the step has the bits of one that knows
 * nothing of it. */
static double smooth(double by, const struct objective_in *in, struct objective_out *out)
{
    double sum = 0;

    if (!(by > 0) || !in->mean_logprob) {
        out->dmean = NULL;
        return 0;
    }
    for (int i = 0; i < in->n; i++) {
        if (out->dmean)
            out->dmean[i] = in->learn[i] ? (float)(-by / in->normaliser) : 0;
        if (in->learn[i])
            sum -= by * (double)in->mean_logprob[i];
    }
    return sum;
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_sft_conf *const c = conf;
    const bool dft = c->dft;
    double entropy = 0, hits = 0;
    double n = 0;

    out->loss = 0;
    out->metrics = 0;
    for (int i = 0; i < in->n; i++) {
        const double weight = dft ? real_exp((double)in->logprob[i]) : 1 - c->smoothing;
        if (out->dlogprob)
            out->dlogprob[i] = in->learn[i] ? (float)(-weight / in->normaliser) : 0;
        if (!in->learn[i])
            continue;
        out->loss -= weight * (double)in->logprob[i];
        entropy += in->entropy ? (double)in->entropy[i] : 0;
        hits += in->hit ? in->hit[i] : 0;
        n++;
    }
    out->loss += smooth(c->smoothing, in, out);
    out->loss /= in->normaliser;
    if (in->entropy)
        objective_metric(out, "entropy", entropy, n);
    if (in->hit)
        objective_metric(out, "mean_token_accuracy", hits, n);
}

const struct objective objective_sft = {.name = "sft",
                                        .logprob = true,
                                        .entropy = true,
                                        .mean_logprob = true,
                                        .group = 1,
                                        .count = learnt,
                                        .run = run};
