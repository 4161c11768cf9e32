/* How it works: pairs are sequences 2i and 2i + 1. Reading walks an answer's learnt tokens once;
 * tokens beyond the shorter answer count `tail` (LD-DPO), so both lengths are known before
 * either is read. Writing slopes is the same walk. The likelihood is over the step's tokens,
 * which the caller counted, so that micro-batches add up. Called by the rows of dpo, cpo, simpo,
 * orpo and xpo. */
#include "learner/objective/objective_pair.h"

#include "lm/kernel/real.h"

#include <string.h>

/* An answer's own tokens; learn 2 marks the prompt's, for likelihoods. */
static int tokens_of(const struct objective_in *in, int s)
{
    int n = 0;

    for (int i = in->seq[s]; i < in->seq[s + 1]; i++)
        n += in->learn[i] == 1;
    return n;
}

static void read_answer(struct objective_answer *out, const struct objective_in *in, int s,
                        int shared, double tail)
{
    double square = 0;

    *out = (struct objective_answer){0};
    for (int i = in->seq[s]; i < in->seq[s + 1]; i++) {
        const double share = out->n < shared ? 1 : tail;
        if (in->learn[i] != 1)
            continue;
        out->n++;
        out->logp += share * (double)in->logprob[i];
        if (in->reference)
            out->ref += share * (double)in->reference[i];
        if (in->square)
            square += (double)in->logprob[i] - real_log((double)in->square[i]);
    }
    out->length = out->n > 1 ? out->n : 1;
    out->square = square / out->length;
}

/* How many tokens both answers have. */
static int shared_of(const struct objective_in *in, int pair)
{
    const int c = tokens_of(in, 2 * pair), r = tokens_of(in, 2 * pair + 1);

    return c < r ? c : r;
}

static double weight_of(const struct objective_in *in, int pair)
{
    return in->seq_weight ? (double)in->seq_weight[2 * pair] : 1;
}

void objective_pair_read(struct objective_pair *out, const struct objective_in *in, int pair,
                         double tail)
{
    const int shared = shared_of(in, pair);

    read_answer(&out->chosen, in, 2 * pair, shared, tail);
    read_answer(&out->rejected, in, 2 * pair + 1, shared, tail);
    out->weight = weight_of(in, pair);
    out->soft = in->seq_soft ? (double)in->seq_soft[2 * pair] : 1;
}

void objective_pair_slopes(float *dlogprob, const struct objective_in *in, int pair,
                           double tail, double chosen, double rejected)
{
    const int shared = shared_of(in, pair);

    for (int side = 0; side < 2; side++) {
        const int s = 2 * pair + side;
        const double slope = side ? rejected : chosen;
        int n = 0;
        for (int i = in->seq[s]; i < in->seq[s + 1]; i++)
            if (in->learn[i] == 1)
                dlogprob[i] += (float)(n++ < shared ? slope : slope * tail);
    }
}

double objective_pair_count(const struct objective_in *in)
{
    double sum = 0;

    for (int i = 0; i < in->n_seq / 2; i++)
        sum += weight_of(in, i);
    return sum;
}

/* Weight of a token in the likelihood: an answer's by its side of the pair, a prompt's once. */
static double likelihood_share(const struct objective_in *in, int s, int i)
{
    const double soft = in->seq_soft ? (double)in->seq_soft[s / 2 * 2] : 1;

    if (!in->learn[i])
        return 0;
    return weight_of(in, s / 2) * (in->learn[i] != 1 ? 1 : s % 2 ? 1 - soft : soft);
}

double objective_pair_tokens(const struct objective_in *in)
{
    double sum = 0;

    for (int s = 0; s < in->n_seq / 2 * 2; s++)
        for (int i = in->seq[s]; i < in->seq[s + 1]; i++)
            sum += likelihood_share(in, s, i);
    return sum;
}

/* The step's tokens are known to the caller of a whole step; a test of one micro-batch may leave
 * them out. */
double objective_pair_nll(const struct objective_in *in, struct objective_out *out, double rate)
{
    const double here = objective_pair_tokens(in);
    const double all = in->step_tokens > 0 ? in->step_tokens : here;
    const double each = all > 0 ? rate / all : 0;
    double sum = 0;

    for (int s = 0; s < in->n_seq / 2 * 2; s++)
        for (int i = in->seq[s]; i < in->seq[s + 1]; i++) {
            const double share = likelihood_share(in, s, i);
            if (!(share > 0))
                continue;
            sum -= share * (double)in->logprob[i];
            if (out->dlogprob)
                out->dlogprob[i] -= (float)(share * each);
        }
    out->loss += sum * each;
    return sum;
}

/* A tie is no win: accuracies of a policy that is its reference are 0. */
void objective_pair_note(struct objective_pair_log *log, const struct objective_pair *pair,
                         double chosen, double rejected)
{
    log->n++;
    log->reward[0] += chosen;
    log->reward[1] += rejected;
    log->margin += chosen - rejected;
    log->wins += chosen > rejected;
    log->logp[0] += pair->chosen.logp;
    log->logp[1] += pair->rejected.logp;
}

void objective_pair_mean(const struct objective_in *in, const float *x, int first, int step,
                         double *sum, double *n)
{
    *sum = *n = 0;
    for (int s = first; s < in->n_seq; s += step)
        for (int i = in->seq[s]; i < in->seq[s + 1]; i++)
            if (in->learn[i] == 1) {
                *sum += (double)x[i];
                ++*n;
            }
}

static void tokens_metric(const struct objective_in *in, struct objective_out *out,
                          const char *name, const float *x, int first, int step)
{
    double sum, n;

    objective_pair_mean(in, x, first, step, &sum, &n);
    objective_metric(out, name, sum, n);
}

static void accuracy(const struct objective_in *in, struct objective_out *out)
{
    double hits = 0, n = 0;

    for (int s = 0; s < in->n_seq; s += 2)
        for (int i = in->seq[s]; i < in->seq[s + 1]; i++)
            if (in->learn[i] == 1) {
                hits += in->hit[i];
                n++;
            }
    objective_metric(out, "mean_token_accuracy", hits, n);
}

void objective_pair_metrics(const struct objective_pair_log *log, const struct objective_in *in,
                            struct objective_out *out)
{
    objective_metric(out, "rewards/chosen", log->reward[0], log->n);
    objective_metric(out, "rewards/rejected", log->reward[1], log->n);
    objective_metric(out, "rewards/accuracies", log->wins, log->n);
    objective_metric(out, "rewards/margins", log->margin, log->n);
    objective_metric(out, "logps/chosen", log->logp[0], log->n);
    objective_metric(out, "logps/rejected", log->logp[1], log->n);
    if (in->mean_logit) {
        tokens_metric(in, out, "logits/chosen", in->mean_logit, 0, 2);
        tokens_metric(in, out, "logits/rejected", in->mean_logit, 1, 2);
    }
    if (in->entropy)
        tokens_metric(in, out, "entropy", in->entropy, 0, 1);
    if (in->hit)
        accuracy(in, out);
}
