/* meter: means by name, in the order in which the names came: a window of the log. */

#ifndef LEARNER_STEP_METRICS_H
#define LEARNER_STEP_METRICS_H

#include "base/err.h"

#include <jansson.h>

enum { METRICS_NAMES = 48, METRICS_NAME = 48 };

struct metrics {
    int n;
    struct {
        char name[METRICS_NAME];
        double sum, weight; /* of an extreme: the value, 1 */
    } row[METRICS_NAMES];
};

/* Weight 0 and values that are no number leave the mean as it is, but enter the name. */
void metrics_add(struct metrics *meter, const char *name, double value, double weight);
/* The row is the least (sign -1) or the most (sign 1) of what was ever given. */
void metrics_extreme(struct metrics *meter, const char *name, double value, int sign);
void metrics_clear(struct metrics *meter);

/* sum / weight; NAN when there is nothing. */
double metrics_mean(const struct metrics *meter, const char *name);

/* Sets prefix + name of each row that holds something. */
void metrics_put(const struct metrics *meter, const char *prefix, json_t *object);

/* As JSON with every bit kept, and back. Errors: ERR_PARSE. */
json_t *metrics_save(const struct metrics *meter);
enum err metrics_load(struct metrics *out, const json_t *saved) MUST_CHECK;

#endif
