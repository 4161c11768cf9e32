/* iteration: one iteration of a method that learns from a fleet's answers: finished rollouts in,
 * new weights out.
 *
 * Knows no socket, no journal and no clock. State plus rollouts give the next state bit for
 * bit: a run is resumed by reading the last state and training the journal's steps again.
 * struct iteration_conf says what a method is: its objective, how scores become advantages
 * (assign), whether a critic is held, which answers its loss speaks of together (units).
 *
 * An iteration: where answers may be of older weights, their log-probabilities under the
 * present ones (proximal) and their importance; the critic's values; advantages; then `epochs`
 * times, in an order fixed by (seed, iteration, epoch), `mini_batches` optimiser steps, each
 * over micro-batches. In the first critic_warmup iterations the policy is compared with its
 * answers as always, but does not move. The value of a token is the critic's at the token
 * before it: what it expects of the state in which it was chosen. */

#ifndef LEARNER_ITERATION_ITERATION_H
#define LEARNER_ITERATION_ITERATION_H

#include "learner/iteration/iteration_rollout.h"
#include "learner/objective/entropy.h"
#include "learner/objective/importance.h"
#include "learner/objective/kl.h"
#include "learner/objective/objective.h"
#include "learner/step/metrics.h"
#include "learner/step/ref_model.h"

#include <jansson.h>
#include <stdatomic.h>

struct iteration_batch;
struct iteration_report;
enum { ITERATION_METRICS = 40 };
struct iteration_metrics {
    struct {
        char name[METRICS_NAME];
        double value;
    } metric[ITERATION_METRICS];
    int n;
    /* Over the first mini-batch, before its optimiser step. On-policy: exactly 0. */
    struct iteration_first {
        double ratio_gap; /* max |ratio - 1| */
        double approxkl, clipfrac;
        int64_t tokens;
    } first;
    int64_t tokens, learnt; /* of the answers; those of them that were learnt */
};

struct iteration_conf {
    void *method;     /* its struct, borrowed as long as the state lives, */
    const void *loss; /* and in it what its objectives take as conf */
    const struct objective *policy;
    const struct objective *critic; /* NULL: there is none */
    int64_t critic_warmup; /* iterations in which it alone learns; nothing is steered */
    /* Advantage assignment: fills advantage (and returns) from scores, and the batch's sums;
     * may choose the units. */
    void (*assign)(const void *method, struct iteration_batch *batch, double beta);
    /* Adds the method's metrics. */
    void (*report)(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out);
    /* What changes with the iteration; may be NULL. */
    void (*on_iteration)(void *method, const struct iteration_conf *conf, int64_t iteration);
    int unit;                       /* answers of which a loss speaks together: 1, of pairs 2 */
    int samples;                    /* answers a task: rollouts come in such groups */
    int parts;                      /* rewards in iteration_rollout.part */
    bool reference;                 /* rollouts have it, objectives read it */
    bool self_reference;            /* the reference is the policy as the iteration found it */
    struct ref_model_conf follow;   /* every > 0: it follows the policy, the state holds it */
    struct entropy_control entropy; /* of the bonus; last is the state's own */

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
    const atomic_bool *stop; /* between micro-batches, true ends with ERR_STATE; may be NULL */
};

/* For a run of `iterations`: a linear schedule to 0, TRL's numbers; without the method. */
struct iteration_conf iteration_defaults(int64_t iterations);

struct iteration_state;
/* Takes both params (also on an error). critic NULL: the policy's trunk with a zero head; else
 * it must have a scalar head and the policy's vocabulary; of a method without a critic it must
 * be NULL. Errors: optim_plan_check's, ERR_RANGE, ERR_NOMEM. */
enum err iteration_new(struct iteration_state **out, const struct iteration_conf *conf,
                       struct params *policy, struct params *critic) MUST_CHECK;
void iteration_free(struct iteration_state *state);

/* Bytes that it holds with micro-batches of at most `tokens` tokens. */
size_t iteration_size(const struct iteration_conf *conf, const struct shape *policy,
                      const struct shape *critic, int tokens);

/* One iteration over n rollouts in ascending (task, sample), a multiple of `samples`. Metrics
 * are the method's; lr and norms belong to each.
 * Errors: ERR_RANGE (a rollout that is empty, out of order, not finite; words say which),
 * ERR_NOMEM, ERR_STATE (conf.stop; strict: false answers, see iteration_compare.h, after which the
 * state stands as before). After any other error only iteration_free may follow. */
enum err iteration_run(struct iteration_state *state, const struct iteration_rollout *rollout,
                       size_t n, struct iteration_metrics *out) MUST_CHECK;

/* Iterations done: the policy's version; the KL coefficient of the next one. */
int64_t iteration_count(const struct iteration_state *state);
double iteration_beta(const struct iteration_state *state);
/* Valid until the next iteration. With adapters the params are the base's, the trainable (the
 * policy's) has all. The critic is NULL without one. */
const struct params *iteration_policy(const struct iteration_state *state);
const struct params *iteration_critic(const struct iteration_state *state);
const struct trainable *iteration_trainable(const struct iteration_state *state);
const float *iteration_image(const struct iteration_state *state, size_t *bytes);

/* The whole state (weights, moments and counts of the models, a reference that moves, the
 * weights of KL and bonus, counters) as FOLDER/step-<iteration>.ckpt (checkpoint.h lists and
 * trims them), with a JSON value of the caller's (NULL: none). Errors: ERR_IO. */
enum err iteration_state_write(struct iteration_state *state, const char *folder,
                               const json_t *meta) MUST_CHECK;
/* State after `iteration`, into a state of the same shapes; *meta (may be NULL) is the caller's
 * and to be freed. Errors: ERR_IO, ERR_PARSE, ERR_RANGE (other shapes); it is then
 * unchanged. */
enum err iteration_state_read(struct iteration_state *state, const char *folder,
                              int64_t iteration, json_t **meta) MUST_CHECK;

#endif
