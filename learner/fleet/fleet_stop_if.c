/* stop_if: an iteration's line is looked at before the journal hears of the iteration, so that
 * its STEP and the end of training are one record (HALT). When that is durable the version is
 * announced as any other, the tasks behind it are cancelled, and the watermark passes over
 * them (ledger_halt.c): what is left to ask for is the last evaluation. */

#include "learner/fleet/fleet_stop_if.h"

static bool holds(const struct fleet_keys_condition *c, const json_t *line)
{
    const json_t *value = json_object_get(line, c->metric);
    const double x = json_number_value(value);

    /* a metric that this iteration does not have, or that is NaN, meets nothing */
    return json_is_number(value) && (c->below ? x < c->limit : x > c->limit);
}

bool fleet_stop_if_met(const struct run_context *run, const struct trainer_job *job)
{
    bool met = false;

    for (int i = 0; i < run->plan.conditions; i++)
        met |= holds(&run->plan.stop_if[i], job->line);
    return met && job->iteration + 1 < run->plan.iterations; /* the last one ends anyway */
}

void fleet_stop_if_tell(struct run_context *run, const json_t *line)
{
    for (int i = 0; i < run->plan.conditions; i++) {
        const struct fleet_keys_condition *c = &run->plan.stop_if[i];
        if (!holds(c, line))
            continue;
        progress_line(&run->progress, "stop_if: %s is %.6g, %s %.6g: training ends here",
                      c->metric, json_number_value(json_object_get(line, c->metric)),
                      c->below ? "<" : ">", c->limit);
    }
}
