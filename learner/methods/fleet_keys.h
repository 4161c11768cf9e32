/* fleet_keys: the configuration that the methods over a fleet share, and what it means.
 *
 * TRL's names and defaults, and drover's own keys. A method's struct begins with a struct
 * fleet_keys; its table stands before these in the list of tables, so that its defaults win.
 * Its `plan` (learner/run/method.h) says what its own keys mean: the plan's iteration (loss,
 * objectives, assign, report, epochs, mini-batches), batch and samples. */

#ifndef LEARNER_METHODS_FLEET_KEYS_H
#define LEARNER_METHODS_FLEET_KEYS_H

#include "learner/iteration/iteration_conf.h"
#include "learner/run/keys.h"
#include "learner/run/method.h"
#include "reward/reward.h"

struct fleet_keys {
    struct keys keys;
    struct iteration_conf iteration; /* what rows fill of it: the plan's begins as a copy */
    char *reward_model_path;
    json_t *rewards, *reward_funcs;
    int response_length; /* each method has its own name for it */
    int max_prompt_length;
    char *stop_token;
    int stop_token_id;
    int importance; /* enum importance; -1: by the method and the overlap */
    int proximal;
    json_t *overlap, *stop_if, *fleet, *people;
    char *on_stale, *generation;
    char *eval_dataset;
    int eval_prompts;
    int reference; /* -1: by the fleet */
    char *broker, *broker_key;
    int broker_wait, parent_fd;
    bool earlier_answers;
};

enum { FLEET_KEYS_CONDITIONS = 16 };

struct fleet_keys_condition {
    const char *metric; /* the tree's */
    bool below;         /* "< x"; else "> x" */
    double limit;
};

/* What the keys mean. */
struct fleet_plan {
    const struct method *method;
    void *self; /* its struct: the keys; borrowed */
    struct keys_plan shared;
    struct iteration_conf iteration; /* rates included; its method is self */
    struct rewards rewards;
    bool overlong;       /* reward_funcs has TRL's punishment of long answers */
    uint64_t lag, batch; /* versions; tasks an iteration */
    uint32_t samples;    /* answers that the fleet writes to a task */
    uint64_t iterations;
    int eval;           /* evaluation prompts at most */
    int64_t steps_each; /* optimiser steps an iteration */
    double episodes;    /* tasks in all; NAN: from the epochs */
    float top_p, min_p;
    uint32_t top_k;
    bool answers_int8;   /* answers are written in int8, and learnt in what is finer */
    bool free;           /* any of the last lag + 1 versions, weights change between tokens */
    uint64_t most;       /* groups without a spread of scores that are replaced, an iteration */
    bool critic_zero;    /* the policy's trunk under a head of zeros */
    bool warmup_said;    /* critic_warmup was given */
    bool critic_trunk;   /* the reward model's, likewise */
    bool by_group;       /* advantages compare the answers to a prompt alone */
    bool reference_here; /* the learner computes reference log-probabilities */
    bool judged;         /* the method learns pairs that people judged */
    struct fleet_keys_people {
        uint32_t per_iteration; /* pairs for people; 0: nobody is asked */
        uint32_t min;           /* new judgements after which a reward model is refreshed */
        uint32_t max_age;       /* versions */
        bool refreshes;         /* some reward model follows them */
    } people;
    bool stop_eos; /* the model's end tokens; else stop_id, or -1 for none */
    int stop_id;
    struct fleet_keys_condition stop_if[FLEET_KEYS_CONDITIONS];
    int conditions;
};

/* people: what it is without sub-keys; most of each. */
enum { FLEET_KEYS_PAIRS = 8, FLEET_KEYS_MIN = 64, FLEET_KEYS_AGE = 4, FLEET_KEYS_MOST = 4096 };

extern const struct conf_key fleet_keys_table[];

/* Whether an answer's log-probabilities may be other than those of the policy that learns it. */
static inline bool fleet_keys_stale(const struct fleet_plan *plan)
{
    return plan->lag || plan->free || plan->answers_int8;
}

/* What the method calls response_length. */
const char *fleet_keys_response(const struct method *method);

/* Errors: ERR_PARSE, ERR_RANGE naming the key. `rows` follows later: fleet_keys_length.
 * fleet_keys_fini follows in any case. */
enum err fleet_keys_check(struct fleet_plan *out, const struct method *method,
                          struct fleet_keys *keys) MUST_CHECK;
void fleet_keys_fini(struct fleet_plan *plan);

/* A number out of a tree, of the key `key`. Errors: ERR_PARSE. */
enum err fleet_keys_number(double *out, const json_t *value, const char *key) MUST_CHECK;

/* Iterations and learning rates once the number of training prompts is known. */
enum err fleet_keys_length(struct fleet_plan *plan, const struct fleet_keys *keys,
                           size_t rows) MUST_CHECK;

#endif
