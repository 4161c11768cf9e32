/* A few at a time: an actor is given little more than it has slots, so a list that moves up when
 * one is taken out costs nothing beside a token. The array stays until its owner frees it. */

#include "actor/jobs.h"

#include "actor/compute_item.h"
#include "base/mem.h"
#include "lm/gen/generate.h"

#include <string.h>

void jobs_append(struct jobs *jobs, struct compute_item *job)
{
    if (jobs->n == jobs->room) {
        jobs->room = jobs->room ? 2 * jobs->room : 64;
        jobs->item = mem_grow(jobs->item, jobs->room, sizeof *jobs->item);
    }
    jobs->item[jobs->n++] = job;
}

struct compute_item *jobs_take_out(struct jobs *jobs, size_t i)
{
    struct compute_item *job = jobs->item[i];

    memmove(jobs->item + i, jobs->item + i + 1, (jobs->n - i - 1) * sizeof *jobs->item);
    jobs->n--;
    return job;
}

void jobs_forget(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++)
        compute_item_free(jobs->item[i]);
    jobs->n = 0;
}

void jobs_forget_done(struct jobs *running, const struct generate *generate)
{
    for (size_t i = 0; i < running->n;)
        if (generate_owned(generate, running->item[i]))
            i++;
        else
            compute_item_free(jobs_take_out(running, i));
}

/* The loop sheds the last sample first. One that has begun meanwhile, or is not the last, is
 * decoded all the same: nobody waits for its answer, which is dropped. */
void jobs_shed(struct jobs *waiting, struct jobs *running, const struct compute_item *shed)
{
    for (size_t i = 0; i < waiting->n; i++) {
        struct compute_item *job = waiting->item[i];

        if (job->task != shed->task || job->first + job->count != shed->first + 1)
            continue;
        if (--job->count)
            return;
        jobs_take_out(waiting, i);
        if (job->begun)
            jobs_append(running, job);
        else
            compute_item_free(job);
        return;
    }
}
