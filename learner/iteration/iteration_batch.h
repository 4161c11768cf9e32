/* iteration_batch: the answers of one iteration, and what a method makes of their scores.
 *
 * Arrays over the tokens of all answers, one answer after another in the order of the rollouts;
 * everything is summed in that order. For iteration.c, iteration_pack.c and the methods' advantage assignment. */

#ifndef LEARNER_ITERATION_ITERATION_BATCH_H
#define LEARNER_ITERATION_ITERATION_BATCH_H

#include "learner/iteration/iteration_conf.h"
#include "learner/iteration/iteration_rollout.h"

struct iteration_batch {
    const struct iteration_conf *conf;       /* borrowed */
    const struct iteration_rollout *rollout; /* [all], borrowed */
    size_t n;                                /* answers of the iteration, in groups */
    size_t all; /* and behind them pairs that people judged: the better, the other, ... */
    int64_t iteration; /* the present weights' version */
    size_t *at;        /* [all+1] where each answer starts in the arrays below */
    uint8_t *learn;    /* [tokens] */
    int64_t *learnt;   /* [all] learnt tokens of each answer */
    float *reward;     /* [tokens] */
    float *value;      /* [tokens] of the critic, at the token before */
    float *advantage;  /* [tokens] */
    float *returns;    /* [tokens] */
    float *proximal;   /* [tokens] under the policy as the iteration found it */
    float *importance; /* [tokens] importance.h */
    float *reference;  /* [tokens] under the reference, where the state holds it */
    float *after;      /* [tokens] under the policy as the iteration leaves it; with an opponent
                          only */
    bool has_proximal; /* else behaviour is the proximal policy's, bit for bit */
    double *score;     /* [n] less missing_eos_penalty where it did not end */
    uint32_t *unit;    /* [n_unit * conf->unit] rollouts that are trained, as they belong
                          together; assign may choose, at first all of them */
    size_t n_unit;
    size_t n_judged; /* of these, the last ones: pairs that people judged */
    int64_t tokens, total_learnt, ended;
    /* sums over answers; kl and entropy also over their tokens. By assign. */
    double kl, entropy, non_score, total;
    size_t flat;      /* groups without a spread of scores */
    double margin;    /* of pairs: sum of the scores' differences */
    double explained; /* share of the returns' variance that the critic foretold; NAN: none */
};

/* `judged` pairs stand behind the n answers. Errors: ERR_RANGE names task, sample and token; ERR_NOMEM. iteration_batch_fini follows in any
 * case. */
enum err iteration_batch_init(struct iteration_batch *batch, const struct iteration_conf *conf,
                              const struct iteration_rollout *rollout, size_t n,
                              size_t judged) MUST_CHECK;
void iteration_batch_fini(struct iteration_batch *batch);

/* An answer that is not to be learnt from: none of its tokens is. */
void iteration_batch_mute(struct iteration_batch *batch, size_t i);

/* After the method has chosen its units, which are pairs: those that people judged are units, too. */
void iteration_batch_judged(struct iteration_batch *batch);

/* The same advantage for every learnt token of answer i. */
void iteration_batch_spread(struct iteration_batch *batch, size_t i, double advantage);

/* What of the scores belongs to steps: [tokens] the reward of the step that ends at a learnt
 * token, NaN where none does. It is taken off batch->score, which is then the outcome's. NULL:
 * no step has any. The result is the caller's. */
double *iteration_batch_steps(struct iteration_batch *batch);

/* [tokens of answer i] log-probabilities under the reference; NULL where there is none. */
const float *iteration_batch_reference(const struct iteration_batch *batch, size_t i);

/* kl and entropy of the answers, by behaviour and reference, into the sums; returns answer i's
 * sum of the estimator over its tokens in kl [n] (may be NULL). */
void iteration_batch_divergence(struct iteration_batch *batch, double *kl);

#endif
