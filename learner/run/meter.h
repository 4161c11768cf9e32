/* meter: means by name, in the order in which the names came: a window of the log. */

#ifndef LEARNER_RUN_METER_H
#define LEARNER_RUN_METER_H

#include "base/err.h"

#include <jansson.h>

enum { METER_NAMES = 48, METER_NAME = 48 };

struct meter {
    int n;
    struct {
        char name[METER_NAME];
        double sum, weight; /* of an extreme: the value, 1 */
    } row[METER_NAMES];
};

/* Weight 0 and values that are no number leave the mean as it is, but enter the name. */
void meter_add(struct meter *meter, const char *name, double value, double weight);
/* The row is the least (sign -1) or the most (sign 1) of what was ever given. */
void meter_extreme(struct meter *meter, const char *name, double value, int sign);
void meter_clear(struct meter *meter);

/* sum / weight; NAN when there is nothing. */
double meter_mean(const struct meter *meter, const char *name);

/* Sets prefix + name of each row that holds something. */
void meter_put(const struct meter *meter, const char *prefix, json_t *object);

/* As JSON with every bit kept, and back. Errors: ERR_PARSE. */
json_t *meter_save(const struct meter *meter);
enum err meter_load(struct meter *out, const json_t *saved) MUST_CHECK;

#endif
