/* metrics: figures by name, in the order in which the names came: of a step, a window of the log, an evaluation. */

#ifndef LEARNER_STEP_METRICS_H
#define LEARNER_STEP_METRICS_H

#include "learner/objective/objective.h"

#include <jansson.h>

enum { METRICS_NAMES = 48, METRICS_NAME = 48 };

struct metrics {
    int n;
    struct metrics_row {
        char name[METRICS_NAME];
        double sum, weight; /* of an extreme: the value, 1 */
    } row[METRICS_NAMES];
};

/* The figure is sum / weight over all that is added. Weight 0 and sums that are no number leave
 * it as it is, but enter the name. */
void metrics_add(struct metrics *metrics, const char *name, double sum, double weight);
/* A metric of an objective: added up, or the least or most of what was ever given. */
void metrics_take(struct metrics *metrics, const struct objective_metric *one);
void metrics_clear(struct metrics *metrics);

double metrics_sum(const struct metrics *metrics, const char *name); /* 0: there is none */
/* sum / weight; NAN when there is nothing. */
double metrics_mean(const struct metrics *metrics, const char *name);

/* Sets prefix + name of each row that holds something. */
void metrics_put(const struct metrics *metrics, const char *prefix, json_t *object);

/* As JSON with every bit kept, and back. */
json_t *metrics_save(const struct metrics *metrics);
/* Errors: ERR_PARSE: not what metrics_save made. */
enum err metrics_load(struct metrics *out, const json_t *saved) MUST_CHECK;

#endif
