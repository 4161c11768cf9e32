/* iteration_conf: what a method is to an iteration (iteration.h), and what comes out of one.
 *
 * struct iteration_conf names the objective, how scores become advantages (assign), whether a
 * critic is held, which answers the loss speaks of together (units); then the numbers of the run.
 * Their defaults and ranges are those of the keys (learner/methods). */

#ifndef LEARNER_ITERATION_ITERATION_CONF_H
#define LEARNER_ITERATION_ITERATION_CONF_H

#include "learner/objective/entropy.h"
#include "learner/objective/importance.h"
#include "learner/objective/kl.h"
#include "learner/objective/objective.h"
#include "learner/step/metrics.h"
#include "learner/step/ref_model.h"

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

/* What an iteration is at: what models say of its answers (reference, values, comparisons) and what
 * follows of that; passes of a model, forward and backward; clip and optimiser. */
enum iteration_phase {
    ITERATION_FIGURES,
    ITERATION_POLICY,
    ITERATION_CRITIC,
    ITERATION_STEP,
    ITERATION_PHASES
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
    double max_grad_norm;          /* of policy and critic each; 0: no limit */
    struct train_options training; /* of policy and critic each */
    const struct lora_conf *lora;  /* adapters of policy and critic; NULL: all weights learn */
    bool strict; /* rollouts are on-policy: the present weights must give each of their
                    log-probabilities again, bit for bit, before anything is kept */
    struct importance_conf stale; /* what is done about answers of older weights */
    uint64_t seed;
    const atomic_bool *stop; /* between micro-batches, true ends with ERR_STATE; may be NULL */
    /* A phase begins: for who has a clock; may be NULL. */
    void (*at)(void *watch, enum iteration_phase phase);
    void *watch; /* borrowed */
};

#endif
