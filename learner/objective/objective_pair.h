/* objective_pair: what the methods that learn from pairs share: sums, slopes, metrics.
 *
 * Sequences 2i (chosen) and 2i+1 (rejected) are a pair; an answer is the learnt tokens of its
 * sequence (learn 1). A pair may have
 *   seq_weight[2i] w: it counts as w pairs; the normaliser is the sum of all w;
 *   seq_soft[2i] q, the share of votes for the chosen answer (a tie: 1/2): it counts as q pairs
 *     as written and 1 - q with the answers exchanged.
 * All sums are in double, tokens ascending. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_PAIR_H
#define LEARNER_OBJECTIVE_OBJECTIVE_PAIR_H

#include "learner/objective/objective.h"

/* One answer. A token beyond the shorter answer of the pair counts `tail` in logp and ref. */
struct objective_answer {
    int n;            /* tokens */
    double length;    /* the same, at least 1: what a mean is divided by */
    double logp, ref; /* sums, nats; ref 0 without a reference */
    double square;    /* mean of logprob - ln(sum p^2); 0 when in->square is NULL */
};

struct objective_pair {
    struct objective_answer chosen, rejected;
    double weight, soft;
};

/* tail: 1 but for LD-DPO (Liu et al. 2024, arXiv:2409.06411, eq. 9). */
void objective_pair_read(struct objective_pair *out, const struct objective_in *in, int pair,
                         double tail);

/* Adds slope d loss / d logp of both answers to the tokens that make them. */
void objective_pair_slopes(float *dlogprob, const struct objective_in *in, int pair,
                           double tail, double chosen, double rejected);

/* The sum of the pairs' weights; the tokens of chosen answers, weighted alike. */
double objective_pair_count(const struct objective_in *in);
double objective_pair_tokens(const struct objective_in *in);

/* Adds `rate` / in->step_tokens * the negative log-likelihood of the chosen answers to the
 * loss, and its slopes; learn 2 marks tokens of the prompt that belong to it too. Returns the
 * sum over the micro-batch's tokens (objective_pair_tokens). */
double objective_pair_nll(const struct objective_in *in, struct objective_out *out,
                          double rate);

/* Sums for TRL's names, a pair counting one whatever its weight. */
struct objective_pair_log {
    int n;
    double reward[2], logp[2]; /* chosen, rejected */
    double wins, margin;       /* rewards; strict > */
};
void objective_pair_note(struct objective_pair_log *log, const struct objective_pair *pair,
                         double chosen, double rejected);

/* rewards/{chosen,rejected,accuracies,margins}, logps/{chosen,rejected}, and where the inputs
 * are there logits/{chosen,rejected}, entropy, mean_token_accuracy (of the chosen). */
void objective_pair_metrics(const struct objective_pair_log *log, const struct objective_in *in,
                            struct objective_out *out);

/* Mean of x over the answers of sequences first, first + step, ...: its sum and tokens. */
void objective_pair_mean(const struct objective_in *in, const float *x, int first, int step,
                         double *sum, double *n);

#endif
