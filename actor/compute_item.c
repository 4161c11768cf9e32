/* What goes to the compute thread and comes back; each copied whole: the message that it
 * came in is gone before its turn. */

#include "actor/compute_item.h"

#include "actor/inflight.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "lm/gen/generate.h"
#include "lm/model/shape.h"
#include "proto/fetch_ways.h"

#include <stdlib.h>
#include <string.h>

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
    free((void *)(uintptr_t)item->earlier.each);
    free((void *)(uintptr_t)item->earlier.token);
    free((void *)(uintptr_t)item->earlier.share);
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

static void *copy(const void *from, size_t n, size_t size)
{
    void *to = mem_new(n, size);

    if (n)
        memcpy(to, from, n * size);
    return to;
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
    job->earlier = (struct earlier){
        .each = copy(task->earlier.each, task->earlier.n_each, sizeof *task->earlier.each),
        .n_each = task->earlier.n_each,
        .token = copy(task->earlier.token, task->earlier.n_token, sizeof *task->earlier.token),
        .n_token = task->earlier.n_token,
        .share = copy(task->earlier.share, task->earlier.n_token, 1)};
    job->decoding = task->decoding;
    for (uint32_t i = 0; i < task->decoding.n_stop; i++)
        job->stop[i] = task->decoding.stop[i];
    for (uint32_t i = 0; i < task->decoding.n_stop_text; i++)
        job->stop_text[i] = mem_text(task->decoding.stop_text[i]);
    return job;
}

_Static_assert((int)MAX_STOPS == (int)SHAPE_STOPS,
               "what may be said can be decoded, and what a model has");
_Static_assert((int)MAX_EARLIER == (int)DRAFT_ANSWERS &&
                   (int)MAX_EARLIER_TOKENS == (int)DRAFT_TOKENS,
               "what may travel can be guessed by");

const char *compute_item_unfit(const struct task *task)
{
    if (task->decoding.n_stop > MAX_STOPS || task->decoding.n_stop_text > MAX_STOPS)
        return "more than 8 stop tokens or stop texts";
    return NULL;
}

struct draft_answers compute_item_earlier(const struct compute_item *job, int vocab)
{
    static bool said;
    const struct earlier *e = &job->earlier;
    const struct draft_answers answers = {e->token, e->share, e->each, e->n_each, e->n_token};
    const char *unfit = draft_unfit(&answers, vocab);

    if (!unfit)
        return answers;
    if (!said)
        log_warn("earlier", "task=%llu reason=\"%s: decoded without guesses by them\"",
                 (unsigned long long)job->task, unfit);
    said = true;
    return (struct draft_answers){.n = 0};
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
