/* stop_if: an iteration's line is looked at before the journal hears of the iteration, so that
 * its STEP and the end of training are one record (HALT). When that is durable the version is
 * announced as any other, the tasks behind it are cancelled, and the watermark passes over
 * them: what is left to ask for is the last evaluation. */

#include "base/mem.h"
#include "learner/fleet/fleet_state.h"
#include "proto/limit.h"

#include <stdlib.h>

static bool holds(const struct fleet_keys_condition *c, const json_t *line)
{
    const json_t *value = json_object_get(line, c->metric);
    const double x = json_number_value(value);

    return json_is_number(value) && (c->below ? x < c->limit : x > c->limit);
}

bool fleet_halt_met(const struct fleet *f, const struct trainer_job *job)
{
    bool met = false;

    for (int i = 0; i < f->conf.plan->conditions; i++)
        met |= holds(&f->conf.plan->stop_if[i], job->line);
    return met && job->iteration + 1 < f->conf.plan->iterations;
}

void fleet_halt_tell(struct fleet *f, const json_t *line)
{
    for (int i = 0; i < f->conf.plan->conditions; i++) {
        const struct fleet_keys_condition *c = &f->conf.plan->stop_if[i];
        if (!holds(c, line))
            continue;
        progress_line(f->conf.progress, "stop_if: %s is %.6g, %s %.6g: training ends here",
                      c->metric, json_number_value(json_object_get(line, c->metric)),
                      c->below ? "<" : ">", c->limit);
    }
}

enum err fleet_halt_let_go(struct fleet *f)
{
    const uint64_t first = tasks_first(f->conf.tasks, ledger_version(f->conf.ledger));
    const uint64_t last = tasks_first(f->conf.tasks, tasks_plan(f->conf.tasks)->iterations);
    const uint64_t end = f->opened < last ? f->opened : last;
    const uint64_t n = end > first ? end - first : 0;
    uint64_t *const task = mem_new(n, sizeof *task);
    struct msg msg = {.head.type = MSG_CANCEL, .cancel = {.reason = "stop_if"}};
    enum err err = OK;

    for (uint64_t i = 0; i < n; i++)
        task[i] = first + i;
    for (uint64_t i = 0; i < n && !err; i += msg.cancel.n_task) {
        msg.cancel.task = task + i;
        msg.cancel.n_task = (uint32_t)(n - i < MAX_TASKS ? n - i : MAX_TASKS);
        err = peer_send(f->peer, &msg);
    }
    free(task);
    return err == ERR_STATE ? OK : err; /* the watermark says it too */
}
