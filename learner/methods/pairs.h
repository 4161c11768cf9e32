/* pairs: what the methods share that take answers of one prompt against another, as TRL's
 * OnlineDPOConfig (0.22) and those that are built on it: keys, a number that may change by epoch,
 * metrics. */

#ifndef LEARNER_METHODS_PAIRS_H
#define LEARNER_METHODS_PAIRS_H

#include "learner/iteration/iteration_report.h"
#include "learner/methods/fleet_keys.h"
#include "learner/objective/objective_dpo.h"

enum { PAIRS_EPOCHS = 64 };

/* A number, or a list of them: one for each epoch in turn, the last stays. */
struct pairs_number {
    json_t *given; /* NULL: unset */
    double value[PAIRS_EPOCHS];
    int n; /* values, at least 1 */
};
/* Errors: ERR_PARSE, ERR_RANGE naming the key. */
enum err pairs_number_read(struct pairs_number *number, const char *key, double unset,
                           double low, double high) MUST_CHECK;

/* The struct of each of them begins with it. */
struct pairs_keys {
    struct fleet_keys fleet;
    struct objective_dpo_conf loss; /* its beta is that of the iteration */
    struct pairs_number beta;
    double epochs_each; /* epochs an iteration */
    int loss_type, ties, num_generations, top_k;
    double top_p, min_p, repetition_penalty;
};
extern const struct conf_key pairs_table[];
extern const char *const pairs_ties[]; /* drop, first */

/* A method's list of tables, its own first. */
#define PAIRS_TABLES(own) \
    { \
        own, pairs_table, fleet_keys_table, keys_table_shared, keys_table_ignored, \
            group_table_ignored, NULL \
    }

/* The beginning of a method's plan: the shared keys, loss and sampling; policy, assign, report
 * and unit are the method's. Errors: ERR_PARSE, ERR_RANGE naming the key. */
enum err pairs_plan(struct pairs_keys *pairs, struct fleet_plan *out) MUST_CHECK;
/* method.length of each of them. */
enum err pairs_length(void *self, struct fleet_plan *out, size_t rows) MUST_CHECK;
/* The value in the epoch in which an iteration begins. */
double pairs_number_at(const struct pairs_keys *pairs, const struct pairs_number *number,
                       int64_t iteration);
/* iteration_conf.on_iteration: beta. */
void pairs_on_iteration(void *method, const struct iteration_conf *conf, int64_t iteration);

/* loss, grad_norm, learning_rate, num_tokens. */
void pairs_report(const struct iteration_report *r, struct iteration_metrics *out);
/* What the objective gathered under `name`, a mean; 0 where there is nothing. */
double pairs_figure(const struct iteration_report *r, const char *name);

#endif
