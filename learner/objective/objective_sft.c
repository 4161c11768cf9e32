/* How it works: a sum over learnt tokens, divided by those of the whole step, which the caller
 * counted. dft weighs a token by its own probability, held fixed. Called for each micro-batch by
 * sft, and by raft on the answers that were taken. */
#include "learner/objective/objective_sft.h"

#include "lm/kernel/real.h"

static double learnt(const struct objective_in *in)
{
    double n = 0;

    for (int i = 0; i < in->n; i++)
        n += in->learn[i];
    return n;
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const bool dft = ((const struct objective_sft_conf *)conf)->dft;
    double entropy = 0, hits = 0;
    double n = 0;

    out->loss = 0;
    out->metrics = 0;
    for (int i = 0; i < in->n; i++) {
        const double weight = dft ? real_exp((double)in->logprob[i]) : 1;
        if (out->dlogprob)
            out->dlogprob[i] = in->learn[i] ? (float)(-weight / in->normaliser) : 0;
        if (!in->learn[i])
            continue;
        out->loss -= weight * (double)in->logprob[i];
        entropy += in->entropy ? (double)in->entropy[i] : 0;
        hits += in->hit ? in->hit[i] : 0;
        n++;
    }
    out->loss /= in->normaliser;
    if (in->entropy)
        objective_metric(out, "entropy", entropy, n);
    if (in->hit)
        objective_metric(out, "mean_token_accuracy", hits, n);
}

const struct objective objective_sft = {
    .name = "sft", .logprob = true, .entropy = true, .group = 1, .count = learnt, .run = run};
