/* What goes to the compute thread and comes back; each copied whole: the message that it
 * came in is gone before its turn. */

#include "actor/compute_item.h"

#include "actor/inflight.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "lm/gen/generate.h"
#include "lm/model/shape.h"
#include "proto/fetch_ways.h"

#include <stdlib.h>

struct compute_item *compute_item(enum item_kind kind)
{
    struct compute_item *item = mem_new(1, sizeof *item);

    item->kind = kind;
    return item;
}

void compute_item_free(void *self)
{
    struct compute_item *item = self;

    if (!item)
        return;
    model_files_free(item->files);
    shared_memory_free(item->image);
    fetch_ways_rebuild_free(item->rebuild);
    free(item->prompt);
    for (int i = 0; i < MAX_STOPS; i++)
        free(item->stop_text[i]);
    inflight_rollout_free(item->rollout);
    free(item);
}

struct fetch_rebuild *compute_item_rebuild(struct compute_item *item)
{
    struct fetch_rebuild *job = item->rebuild;

    item->rebuild = NULL;
    return job;
}

/* Everything is copied: the message that the task stands in is gone after its handler, the job
 * waits for its turn in another thread. Texts last, for they alone are allocated one by one. */
struct compute_item *compute_item_job(const struct task *task, uint32_t first, uint32_t count,
                                      bool text)
{
    struct compute_item *job = compute_item(ITEM_JOB);

    job->version = task->version;
    job->task = task->id;
    job->seed = task->seed;
    job->first = first;
    job->count = count;
    job->text = text;
    job->prompts = (int)task->n_prompt;
    job->prompt = mem_new(task->n_prompt, sizeof *job->prompt);
    for (uint32_t i = 0; i < task->n_prompt; i++)
        job->prompt[i] = task->prompt[i];
    job->decoding = task->decoding;
    for (uint32_t i = 0; i < task->decoding.n_stop; i++)
        job->stop[i] = task->decoding.stop[i];
    for (uint32_t i = 0; i < task->decoding.n_stop_text; i++)
        job->stop_text[i] = mem_text(task->decoding.stop_text[i]);
    return job;
}

_Static_assert((int)MAX_STOPS == (int)SHAPE_STOPS,
               "what may be said can be decoded, and what a model has");

const char *compute_item_unfit(const struct task *task)
{
    if (task->decoding.n_stop > MAX_STOPS || task->decoding.n_stop_text > MAX_STOPS)
        return "more than 8 stop tokens or stop texts";
    return NULL;
}

struct sampling compute_item_sampling(const struct compute_item *job)
{
    const struct decoding *d = &job->decoding;
    struct sampling s = {.temperature = d->temperature,
                         .top_p = d->top_p,
                         .min_p = d->min_p,
                         .top_k = (int)d->top_k,
                         .max_new = (int)d->max_new,
                         .n_stop = (int)d->n_stop,
                         .stop_text_count = (int)d->n_stop_text};

    for (int i = 0; i < s.n_stop; i++)
        s.stop[i] = job->stop[i];
    for (int i = 0; i < s.stop_text_count; i++)
        s.stop_text[i] = job->stop_text[i];
    return s;
}
