/* The compute thread's loop: fill the slots (admit_all), take one item or make one step,
 * again. It waits only when nothing runs.
 *
 * Jobs wait in order of arrival. While something runs only jobs of the same version join it,
 * since a step is one pass of one model; when the slots are empty the first job whose weights
 * are here begins. A job that is only partly in slots stays first among the waiting; once it
 * is whole in slots it moves to `running`, which owns what the slots borrow, until none of its
 * samples is in one.
 * With `any` (overlap: free) each step takes the newest weights; `trace` says from when on. */

#include "actor/compute.h"

#include "actor/inflight.h"
#include "actor/jobs.h"
#include "actor/version_trace.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "follow/rebuild.h"
#include "lm/file/model_files.h"
#include "lm/gen/generate.h"
#include "lm/model/golden.h"
#include "net/worker.h"
#include "proto/digest.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loaded_version { /* an image and the model on it */
    struct version version;
    struct shared_memory *image;
    struct model *model;
};

struct compute {
    int slots, length; /* sequences, and tokens in each, that `generate` has room for */
    struct model_files *files;
    struct generate *generate;
    struct loaded_version loaded[MAX_LIVE];
    int n_loaded;
    struct jobs waiting; /* in order of arrival */
    struct jobs running; /* all their samples are in slots, which borrow from them, or done */
    struct version now;  /* the one being decoded */
    struct version bad;  /* an image that cannot be used, and why; jobs of it fail */
    char bad_words[ERR_WORDS];
    bool any; /* what runs takes any version: the newest, from one token to the next */
    struct version_trace trace;
    struct worker *worker;
    struct compute_counters counters;
};

void compute_new(struct compute **out, int slots)
{
    *out = mem_new(1, sizeof **out);
    (*out)->slots = slots;
}

const struct compute_counters *compute_counters(const struct compute *compute)
{
    return &compute->counters;
}

static void drop_image(struct compute *c, int i)
{
    model_free(c->loaded[i].model);
    shared_memory_free(c->loaded[i].image);
    c->loaded[i] = c->loaded[--c->n_loaded];
}

void compute_free(struct compute *c)
{
    if (!c)
        return;
    while (c->n_loaded)
        drop_image(c, 0);
    generate_free(c->generate);
    jobs_forget(&c->waiting);
    jobs_forget(&c->running);
    free(c->waiting.item);
    free(c->running.item);
    version_trace_free(&c->trace);
    model_files_free(c->files);
    free(c);
}

static int active(const struct compute *c)
{
    return c->generate ? c->slots - generate_room(c->generate) : 0;
}

static bool same_version(const struct version *a, const struct version *b)
{
    return a->number == b->number && hash_same(&a->hash, &b->hash);
}

static struct loaded_version *find_image(struct compute *c, const struct version *version)
{
    for (int i = 0; i < c->n_loaded; i++)
        if (same_version(&c->loaded[i].version, version))
            return &c->loaded[i];
    return NULL;
}

static struct loaded_version *newest_image(struct compute *c)
{
    struct loaded_version *newest = NULL;

    for (int i = 0; i < c->n_loaded; i++)
        if (!newest || c->loaded[i].version.number > newest->version.number)
            newest = &c->loaded[i];
    return newest;
}

/* A task without a hash takes whatever is newest, from the number that it names on. */
static bool takes_any(const struct version *version)
{
    static const struct hash none;

    return hash_same(&version->hash, &none);
}

static void turn_to(struct compute *c, const struct version *version)
{
    c->now = *version;
    version_trace_turn(&c->trace, version, !active(c));
}

/* ---- what finished answers become */

static void *copy(const void *from, size_t n, size_t size)
{
    void *to = mem_new(n, size);

    if (n)
        memcpy(to, from, n * size);
    return to;
}

static char *text_of(const struct compute *c, const struct generate_done *d)
{
    char *bytes = NULL, *text;
    size_t n = 0;

    if (tokenizer_decode(c->files->tokenizer, d->token, (size_t)d->n, false, &bytes, &n))
        return mem_text("");
    text = text_clean(bytes, n); /* a model may write half a character */
    free(bytes);
    return text;
}

static void on_done(void *self, const struct generate_done *d)
{
    static const uint32_t end[] = {[FINISH_STOP] = ROLLOUT_STOP,
                                   [FINISH_LENGTH] = ROLLOUT_LENGTH,
                                   [FINISH_STOP_TEXT] = ROLLOUT_STOP_TEXT};
    struct compute *c = self;
    const struct compute_item *job = d->owner;
    struct compute_item *out = compute_item(ITEM_DONE);
    struct rollout *r = mem_new(1, sizeof *r);
    uint32_t spans;
    struct span *span = version_trace_spans(&c->trace, (uint64_t)d->n, &spans);

    *r = (struct rollout){.task = d->task,
                          .sample = (uint32_t)d->sample,
                          .end = end[d->finish],
                          .token = copy(d->token, (size_t)d->n, sizeof *r->token),
                          .logprob = copy(d->logprob, (size_t)d->n, sizeof *r->logprob),
                          .n_token = (uint32_t)d->n,
                          .span = span,
                          .n_span = spans,
                          .text = job->text ? text_of(c, d) : NULL};
    r->hash = digest_rollout(r);
    out->task = d->task;
    out->first = r->sample;
    out->rollout = r;
    worker_give(c->worker, out);
}

static void fail(struct compute *c, struct compute_item *job, const char *words)
{
    job->kind = ITEM_FAILED;
    snprintf(job->words, sizeof job->words, "%s", words);
    worker_give(c->worker, job);
}

/* ---- jobs */

/* Room for the job's length: made anew when nothing runs. */
static enum err fit(struct compute *c, const struct compute_item *job)
{
    const int whole = job->prompts + (int)job->decoding.max_new,
              rounded = (whole + 63) / 64 * 64;
    const int context = c->files->shape.context, need = rounded < context ? rounded : context;

    if (whole > context)
        return err_set(ERR_RANGE,
                       "prompt of %d and answer of %d tokens do not fit the context of %d",
                       job->prompts, (int)job->decoding.max_new, context);
    if (c->generate && need <= c->length)
        return OK;
    generate_free(c->generate);
    c->generate = NULL;
    c->length = need;
    return generate_new(&c->generate, &c->files->shape, c->slots, need, c->files->tokenizer);
}

static void say_begun(struct compute *c, const struct compute_item *job, uint32_t n)
{
    struct compute_item *out = compute_item(ITEM_BEGUN);

    out->task = job->task;
    out->first = job->first;
    out->count = n;
    worker_give(c->worker, out);
}

/* Admits what fits of waiting job i; one that is in whole moves to `running`. */
static void admit(struct compute *c, size_t i)
{
    struct compute_item *job = c->waiting.item[i];
    const uint32_t room = (uint32_t)generate_room(c->generate);
    const uint32_t n = job->count < room ? job->count : room;
    const struct generate_job ask = {.seed = job->seed,
                                     .task = job->task,
                                     .sample = (int)job->first,
                                     .n = (int)n,
                                     .prompt = job->prompt,
                                     .n_prompt = job->prompts,
                                     .sampling = compute_item_sampling(job),
                                     .earlier =
                                         compute_item_earlier(job, c->files->shape.vocab),
                                     .owner = job};

    if (generate_admit(c->generate, &ask)) {
        fail(c, jobs_take_out(&c->waiting, i), err_text());
        return;
    }
    say_begun(c, job, n);
    job->begun += n;
    job->first += n;
    job->count -= n;
    if (job->count)
        return;
    jobs_forget_done(&c->running,
                     c->generate); /* with enough to do the slots are never empty */
    jobs_append(&c->running, jobs_take_out(&c->waiting, i));
}

/* May it run beside what runs now, or at all? */
static bool suits(struct compute *c, const struct compute_item *job, bool now)
{
    const bool any = takes_any(&job->version);
    const struct loaded_version *const newest = newest_image(c);

    if (any && (!newest || newest->version.number < job->version.number))
        return false;
    if (!now)
        return any || find_image(c, &job->version) != NULL;
    return (any ? c->any : !c->any && same_version(&job->version, &c->now)) &&
           job->prompts + (int)job->decoding.max_new <= c->length;
}

/* The first waiting job whose weights are here; with `now`, of the version being decoded. */
static bool choose(struct compute *c, bool now, size_t *at)
{
    for (*at = 0; *at < c->waiting.n; ++*at) {
        if (suits(c, c->waiting.item[*at], now))
            return true;
    }
    return false;
}

/* The whole job: the actor knows which of its samples are done. */
static void fail_whole(struct compute *c, struct compute_item *job, const char *words)
{
    job->first -= job->begun;
    job->count += job->begun;
    fail(c, job, words);
}

/* Weights that are no use will not come better: who waits for them hears so. */
static void fail_unusable(struct compute *c)
{
    for (size_t i = 0; *c->bad_words && i < c->waiting.n;) {
        struct compute_item *job = c->waiting.item[i];
        const bool any = takes_any(&job->version);
        if (any ? !suits(c, job, false) && c->bad.number >= job->version.number
                : same_version(&job->version, &c->bad))
            fail_whole(c, jobs_take_out(&c->waiting, i), c->bad_words);
        else
            i++;
    }
}

/* Fills the slots. Afterwards something runs, or nothing that waits can run yet. */
static void admit_all(struct compute *c)
{
    size_t at;

    fail_unusable(c);
    while (!active(c)) {
        jobs_forget(&c->running);
        if (!choose(c, false, &at))
            return;
        c->any = takes_any(&c->waiting.item[at]->version);
        turn_to(c, c->any ? &newest_image(c)->version : &c->waiting.item[at]->version);
        if (fit(c, c->waiting.item[at]))
            fail(c, jobs_take_out(&c->waiting, at), err_text());
        else {
            /* versions that change between tokens are told by counting steps (version_trace.h) */
            generate_ahead(c->generate, c->any ? 0 : DRAFT_MOST);
            admit(c, at);
        }
    }
    while (generate_room(c->generate) && choose(c, true, &at))
        admit(c, at);
}

/* ---- items */

static void take_card(struct compute *c, struct compute_item *item)
{
    generate_free(c->generate);
    c->generate = NULL;
    jobs_forget(&c->waiting);
    jobs_forget(&c->running);
    while (c->n_loaded)
        drop_image(c, 0);
    model_files_free(c->files);
    *c->bad_words = 0;
    c->files = item->files;
    item->files = NULL;
}

/* The loop posts no more than fit (weights_spare); one too many is left out, and who needs it
 * fails by its lease's deadline. None that is here is given up for it: it may be in use. */
static void take_image(struct compute *c, struct compute_item *item)
{
    struct loaded_version *h = &c->loaded[c->n_loaded];

    if (!c->files || find_image(c, &item->version) || c->n_loaded == MAX_LIVE)
        return;
    if (model_new(&h->model, &c->files->shape, shared_memory_bytes(item->image),
                  shared_memory_size(item->image))) {
        c->bad = item->version;
        snprintf(c->bad_words, sizeof c->bad_words, "weights of version %llu: %.400s",
                 (unsigned long long)c->bad.number, err_text());
        return;
    }
    h->version = item->version;
    h->image = item->image;
    item->image = NULL;
    c->n_loaded++;
}

/* Always, so that the image counts as held: one that is no use has no number, and its jobs fail. */
static void say_golden(struct compute *c, const struct version *version)
{
    const struct loaded_version *h = find_image(c, version);
    struct compute_item *out = compute_item(ITEM_GOLDEN);

    out->version = *version;
    out->golden = h ? golden_number(h->model) : 0;
    worker_give(c->worker, out);
}

/* No sample in hand needs it; what still runs was let go, and its answers are dropped. */
static void take_forget(struct compute *c, const struct compute_item *item)
{
    const struct loaded_version *h = find_image(c, &item->version);

    if (h)
        drop_image(c, (int)(h - c->loaded));
}

static void take_drop(struct compute *c, const struct compute_item *item)
{
    for (int i = 0; i < c->n_loaded;)
        if (c->loaded[i].version.number < item->version.number &&
            !(active(c) && same_version(&c->loaded[i].version, &c->now)))
            drop_image(c, i);
        else
            i++;
}

static void take_cancel(struct compute *c, const struct compute_item *item)
{
    if (c->generate)
        generate_cancel(c->generate, item->task);
    for (size_t i = 0; i < c->waiting.n;)
        if (c->waiting.item[i]->task == item->task)
            compute_item_free(jobs_take_out(&c->waiting, i));
        else
            i++;
}

static void take(struct compute *c, struct compute_item *item)
{
    switch (item->kind) {
    case ITEM_CARD:
        take_card(c, item);
        break;
    case ITEM_IMAGE:
        take_image(c, item);
        say_golden(c, &item->version);
        break;
    case ITEM_DROP:
        take_drop(c, item);
        break;
    case ITEM_FORGET:
        take_forget(c, item);
        break;
    case ITEM_CANCEL:
        take_cancel(c, item);
        break;
    case ITEM_SHED:
        jobs_shed(&c->waiting, &c->running, item);
        break;
    case ITEM_JOB:
        jobs_append(&c->waiting, item);
        return;
    case ITEM_REBUILD:
        rebuild_do(item->rebuild, c->files ? &c->files->shape : NULL);
        worker_give(c->worker, item);
        return;
    default:
        break;
    }
    compute_item_free(item);
}

/* What is being decoded cannot go on. Its jobs fail with words, and decoding begins anew. */
static void give_up(struct compute *c, const char *words)
{
    char why[ERR_WORDS];

    snprintf(why, sizeof why, "%s", words);
    generate_free(c->generate); /* the slots borrow from the jobs */
    c->generate = NULL;
    for (size_t i = 0; i < c->waiting.n;)
        if (c->waiting.item[i]->begun)
            fail_whole(c, jobs_take_out(&c->waiting, i), why);
        else
            i++;
    while (c->running.n)
        fail_whole(c, jobs_take_out(&c->running, c->running.n - 1), why);
}

static void step(struct compute *c)
{
    const struct generate_events events = {on_done, NULL, c};
    const struct loaded_version *h = c->any ? newest_image(c) : find_image(c, &c->now);
    struct generate_drafts drafts;
    int tokens = 0;
    enum err err;

    if (c->any && h && !same_version(&h->version, &c->now))
        turn_to(c, &h->version); /* the cache stays: its keys were made by older weights */
    if (!h) {
        give_up(c, "the weights went away while they were in use");
        return;
    }
    err = generate_step(c->generate, h->model, &events, &tokens);
    drafts = generate_drafts(c->generate);
    if (err) /* logits that are no numbers */
        give_up(c, err_text());
    c->trace.steps++;
    atomic_fetch_add(&c->counters.tokens, (unsigned long long)tokens);
    atomic_fetch_add(&c->counters.drafted, drafts.drafted);
    atomic_fetch_add(&c->counters.accepted, drafts.accepted);
}

enum err compute_main(void *self, struct worker *worker)
{
    struct compute *c = self;
    void *item;
    int64_t mark = clock_mono_ns();

    c->worker = worker;
    for (;;) {
        bool idle;
        int64_t now;
        admit_all(c); /* before waiting: the last step may have made room for a longer job */
        idle = !active(c);
        if (!worker_take(worker, &item, idle))
            return OK;
        now = clock_mono_ns();
        atomic_fetch_add(idle ? &c->counters.idle_ns : &c->counters.busy_ns,
                         (unsigned long long)(now - mark));
        mark = now;
        if (item)
            take(c, item);
        else if (active(c))
            step(c);
    }
}
