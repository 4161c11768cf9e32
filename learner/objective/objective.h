/* objective: every method of learning as one shape: arrays in, loss and slopes out.
 *
 * Knows no model, no file, no socket. A packed batch is n tokens of n_seq sequences one after
 * another. What a method does not read may be NULL. The loss and every slope of a micro-batch
 * are divided by `normaliser`, which belongs to the whole optimiser step and is known before
 * its first backward: micro-batches then simply add up. (Of a method that is `apart` it is the
 * micro-batch's own count times their number.) */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_H
#define LEARNER_OBJECTIVE_OBJECTIVE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum objective_role { OBJECTIVE_ALONE, OBJECTIVE_CHOSEN, OBJECTIVE_REJECTED };

struct objective_in {
    int n, n_seq;
    const int *seq;            /* [n_seq+1] where each starts; pairs are 2i (chosen), 2i+1 */
    const uint8_t *learn;      /* [n] 1 where the method learns; 2: a prompt's token that only a
                              * likelihood reads; a sequence's first token never, but where it
                              * goes on behind another's (batch.n_prefix) */
    const float *logprob;      /* [n] nats, under the policy in training */
    const float *behaviour;    /* [n] nats, under the policy that wrote the token */
    const float *proximal;     /* [n] nats, under the policy at the start of the iteration */
    const float *reference;    /* [n] nats, under the frozen reference */
    const float *value;        /* [n] scalar head: reward model or critic */
    const float *old_value;    /* [n] the critic's at the start of the iteration */
    const float *returns;      /* [n] */
    const float *advantage;    /* [n] */
    const float *entropy;      /* [n] nats */
    const float *square;       /* [n] sum of p^2 over the vocabulary */
    const float *mean_logit;   /* [n] mean of the logits over the vocabulary */
    const float *mean_logprob; /* [n] nats, mean of all log-probabilities over the vocabulary */
    const uint8_t *hit;        /* [n] 1 where the greedy token is the token */
    const float *seq_weight;   /* [n_seq] */
    const float *seq_margin;   /* [n_seq] of a pair: at its chosen sequence, 2i */
    const float *seq_soft;     /* [n_seq] share of votes for a pair's chosen answer, at 2i */
    const float
        *seq_kl_baseline;    /* [n_seq] ln pi/ref of another record's answer to this prompt */
    const int8_t *seq_label; /* [n_seq] 1 desirable, 0 not */
    const uint8_t *seq_role; /* [n_seq] enum objective_role */
    const float *target;     /* [n] where a step of a solution ends: P(right) wanted of value */
    const float *importance; /* [n] weight of a token's loss, for answers of older weights;
                                NULL: 1 everywhere (importance.h) */
    double normaliser;       /* > 0 */
    double step_tokens;      /* tokens of the whole optimiser step, for terms that are means
                                over tokens: learnt ones, or as count_tokens says; 0: those
                                of this micro-batch */
    double entropy_coef;     /* weight of an entropy bonus in this optimiser step */
};

/* A quantity for the log: the figure is sum / weight, added up over whatever is averaged; of an
 * extreme the figure is the least or the most of the sums, whose weights are 1. */
enum objective_kind { OBJECTIVE_MEAN, OBJECTIVE_LEAST, OBJECTIVE_MOST };
struct objective_metric {
    const char *name; /* TRL's; a constant */
    double sum, weight;
    enum objective_kind kind;
};
enum { OBJECTIVE_METRICS = 24 };

struct objective_out {
    double loss;     /* divided by the normaliser */
    float *dlogprob; /* [n] all slopes are written in full, zeros included; NULL: not wanted */
    float *dvalue;   /* [n] */
    float *dentropy; /* [n]; wanted where the method has an entropy bonus */
    float *dmean; /* [n] d loss / d mean_logprob; room where the objective reads that, NULL from
                     one that has no slope of it */
    double bonus_entropy, bonus_tokens; /* sum of the entropies that the bonus is about, and
                                           their number */
    struct objective_metric metric[OBJECTIVE_METRICS];
    int metrics;
};

/* One row a method. `conf` is the method's own key struct. */
struct objective {
    const char *name;
    bool logprob, entropy, value; /* which outputs of the forward pass it reads */
    bool dentropy;                /* whether it writes dentropy */
    bool reference;               /* whether it reads reference */
    bool kl_baseline;             /* whether it reads seq_kl_baseline */
    bool mean_logprob;            /* whether it reads mean_logprob and writes dmean */
    bool apart; /* a step is the mean of its micro-batches, each divided by what it counts
                   itself */
    int group;  /* sequences that stand together: 1, pairs 2 */
    /* What one sequence group adds to the normaliser: learnt tokens, pairs, ... */
    double (*count)(const struct objective_in *in);
    double (*count_tokens)(
        const struct objective_in *in); /* in->step_tokens likewise; NULL: none */
    void (*run)(const void *conf, const struct objective_in *in, struct objective_out *out);
};

/* For rows that add up: no loss, no metrics, every slope that is wanted 0. */
void objective_begin(const struct objective_in *in, struct objective_out *out);
/* Adds `sum / weight` under `name` to out->metric. */
void objective_metric(struct objective_out *out, const char *name, double sum, double weight);
void objective_extreme(struct objective_out *out, const char *name, enum objective_kind kind,
                       double value);

/* For rows: what a packed batch adds to a normaliser of tokens, or of sequences. */
double objective_tokens(const struct objective_in *in);
double objective_sequences(const struct objective_in *in);

#endif
