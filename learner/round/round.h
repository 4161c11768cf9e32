/* round: one iteration of a method that learns from a fleet's answers: finished rollouts in,
 * new weights out.
 *
 * Knows no socket, no journal and no clock. State plus rollouts give the next state bit for
 * bit: a run is resumed by reading the last state and training the journal's steps again.
 * struct round_conf says what a method is: its objective, how scores become advantages
 * (credit), whether a critic is held, which answers its loss speaks of together (units).
 *
 * An iteration: where answers may be of older weights, their log-probabilities under the
 * present ones (proximal) and their importance; the critic's values; credit; then `epochs`
 * times, in an order fixed by (seed, iteration, epoch), `mini_batches` optimiser steps, each
 * over micro-batches. In the first critic_warmup iterations the policy is compared with its
 * answers as always, but does not move. The value of a token is the critic's at the token
 * before it: what it expects of the state in which it was chosen. */

#ifndef LEARNER_ROUND_ROUND_H
#define LEARNER_ROUND_ROUND_H

#include "learner/objective/entropy.h"
#include "learner/objective/importance.h"
#include "learner/objective/kl.h"
#include "learner/objective/objective.h"
#include "learner/run/follow.h"
#include "proto/noun.h"

#include <jansson.h>

/* Everything is borrowed until round_iteration returns. */
struct round_rollout {
    uint64_t task;
    uint32_t sample;
    const int *prompt; /* [prompts], at least one token */
    int prompts;
    const int *token; /* [tokens], the answer, its stop token included; at least one */
    int tokens;
    const uint8_t *mask;    /* [tokens] 1 where the policy wrote; NULL: everywhere */
    const float *behaviour; /* [tokens] nats at conf.temperature, under the weights that wrote;
                               NULL: nobody's, a demonstration */
    const float *reference; /* [tokens] likewise, under the frozen one; NULL: none is read */
    double score;           /* the weighted sum of its rewards */
    const float *dense; /* [tokens] of score, at ends of steps, elsewhere NaN; NULL: none is */
    const double *part; /* [conf.parts] each reward; NULL unless credit reads them */
    const struct span *span; /* [spans] which weights wrote from where on; 0: the present */
    uint32_t spans;
    bool ended; /* by a stop token: without, missing_eos_penalty is subtracted */
};

struct round_batch;
struct round_report;
enum { ROUND_METRICS = 40 };
struct round_metrics {
    struct {
        const char *name; /* a constant */
        double value;
    } metric[ROUND_METRICS];
    int n;
    /* Over the first mini-batch, before its optimiser step. On-policy: exactly 0. */
    struct round_first {
        double ratio_gap; /* max |ratio - 1| */
        double approxkl, clipfrac;
        int64_t tokens;
    } first;
    int64_t tokens, learnt; /* of the answers; those of them that were learnt */
};

struct round_conf {
    /* The method's struct, copied; it begins with what its objectives take as conf. */
    const void *own;
    size_t own_size;
    const struct objective *policy;
    const struct objective *critic; /* NULL: there is none */
    int64_t critic_warmup; /* iterations in which it alone learns; nothing is steered */
    /* Fills advantage (and returns) from scores, and the batch's sums; may choose the units. */
    void (*credit)(const void *own, struct round_batch *batch, double beta);
    /* Adds the method's metrics. What changes with the iteration; may be NULL. */
    void (*report)(const void *own, const struct round_report *r, struct round_metrics *out);
    void (*begin)(void *own, const struct round_conf *conf, int64_t iteration);
    int unit;                       /* answers of which a loss speaks together: 1, of pairs 2 */
    int samples;                    /* answers a task: rollouts come in such groups */
    int parts;                      /* rewards in round_rollout.part */
    bool reference;                 /* rollouts have it, objectives read it */
    bool opponent;                  /* the reference is the policy as the iteration found it */
    struct follow_conf follow;      /* every > 0: it follows the policy, the round holds it */
    struct entropy_control entropy; /* of the bonus; last is the round's own */

    int epochs, mini_batches;
    int per_device_train_batch_size; /* answers in a micro-batch; pairs where units are pairs */
    double kl_coef, target_kl, kl_horizon; /* target_kl 0: kl_coef stays; else nats an answer */
    enum kl kl_estimator;
    double temperature;
    double missing_eos_penalty;  /* 0: none */
    struct schedule_plan rates;  /* rates.peak is learning_rate */
    bool rate_by_step;           /* the schedule counts optimiser steps; else iterations */
    double critic_learning_rate; /* peak; the same schedule */
    struct adamw adamw;
    double max_grad_norm; /* of policy and critic each; 0: no limit */
    bool gradient_checkpointing, portable;
    const struct lora_conf *lora; /* adapters of policy and critic; NULL: all weights learn */
    bool strict; /* rollouts are on-policy: the present weights must give each of their
                    log-probabilities again, bit for bit, before anything is kept */
    struct importance_conf stale; /* what is done about answers of older weights */
    uint64_t seed;
    bool (*stop)(void); /* between micro-batches, true ends with ERR_STATE; may be NULL */
};

/* For a run of `iterations`: a linear schedule to 0, TRL's numbers; without the method. */
struct round_conf round_defaults(int64_t iterations);
/* Errors: ERR_RANGE naming the key. */
enum err round_check(const struct round_conf *conf) MUST_CHECK;

struct round;
/* Takes both params (also on an error). critic NULL: the policy's trunk with a zero head; else
 * it must have a scalar head and the policy's vocabulary; of a method without a critic it must
 * be NULL. Errors: round_check's, ERR_RANGE, ERR_NOMEM. */
enum err round_new(struct round **out, const struct round_conf *conf, struct params *policy,
                   struct params *critic) MUST_CHECK;
void round_free(struct round *round);

/* Bytes that a round holds with micro-batches of at most `tokens` tokens. */
size_t round_size(const struct round_conf *conf, const struct shape *policy,
                  const struct shape *critic, int tokens);

/* One iteration over n rollouts in ascending (task, sample), a multiple of `samples`. Metrics
 * are the method's; lr and norms belong to each.
 * Errors: ERR_RANGE (a rollout that is empty, out of order, not finite; words say which),
 * ERR_NOMEM, ERR_STATE (conf.stop; strict: false answers, see round_compare.h, after which the
 * round stands as before). After any other error only round_free may follow. */
enum err round_iteration(struct round *round, const struct round_rollout *rollout, size_t n,
                         struct round_metrics *out) MUST_CHECK;

int64_t round_count(const struct round *round); /* iterations done: the policy's version */
/* Valid until the next iteration. With adapters the params are the base's, the step has all. */
const struct params *round_policy(const struct round *round);
const struct step *round_step(const struct round *round); /* the policy's */
const float *round_image(const struct round *round, size_t *bytes);
const struct params *round_critic(const struct round *round); /* NULL without one */
double round_beta(const struct round *round); /* the KL coefficient of the next iteration */

/* The whole state (weights, moments and counts of the models, a reference that moves, the
 * weights of KL and bonus, counters) as FOLDER/step-<iteration>.ckpt (checkpoint.h lists and
 * trims them), with a JSON value of the caller's (NULL: none). Errors: ERR_IO. */
enum err round_state_write(struct round *round, const char *folder,
                           const json_t *meta) MUST_CHECK;
/* State after `iteration`, into a round of the same shapes; *meta (may be NULL) is the caller's
 * and to be freed. Errors: ERR_IO, ERR_PARSE, ERR_RANGE (other shapes); the round is then
 * unchanged. */
enum err round_state_read(struct round *round, const char *folder, int64_t iteration,
                          json_t **meta) MUST_CHECK;

#endif
