/* It does what it is told, unless it is to refuse: no room to pull, a thread that takes nothing, a
 * connection that is not there. */

#include "tests/proto/ways_owner.h"

#include "base/mem.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err on_want(void *self, const struct artifact *what)
{
    struct ways_owner *const o = self;

    if (o->refuses)
        return err_set(ERR_NOMEM, "no room");
    assert_true(*what->name);
    o->wanted[o->n_wanted++] = what->hash;
    return OK;
}

static void on_drop(void *self, const struct hash *hash)
{
    struct ways_owner *const o = self;

    o->last = *hash;
    o->dropped++;
}

static void on_pause(void *self, const struct hash *of, bool on)
{
    struct ways_owner *const o = self;

    (void)of;
    o->paused = on;
}

static enum err on_say(void *self, struct msg *msg)
{
    struct ways_owner *const o = self;

    if (o->mute)
        return ERR_STATE;
    if (msg->head.type == MSG_WREQ) {
        o->asked++;
        o->ask = msg->wreq;
    } else {
        o->blamed++;
    }
    return OK;
}

static void on_view(void *self, const struct hash *of, uint64_t *left, double *rate)
{
    const struct ways_owner *const o = self;

    (void)of;
    *left = o->left;
    *rate = o->rate;
}

static enum err on_rebuild(void *self, struct fetch_rebuild *job)
{
    struct ways_owner *const o = self;

    if (o->busy)
        return ERR_STATE;
    assert_null(o->job);
    o->job = job;
    return OK;
}

struct ways_owner *ways_owner_make(double rate)
{
    struct ways_owner *const o = mem_new(1, sizeof *o);
    const struct fetch_ways_conf conf = {on_want, on_drop,    on_pause, on_say,
                                         on_view, on_rebuild, o};

    fetch_ways_new(&o->ways, &conf);
    o->rate = rate;
    o->left = 100 * MB;
    return o;
}

void ways_owner_end(struct ways_owner *o)
{
    fetch_ways_free(o->ways);
    fetch_ways_rebuild_free(o->job);
    free(o);
}

struct artifact ways_owner_image(const struct hash *hash)
{
    return (struct artifact){
        .hash = *hash, .bytes = 100 * MB, .kind = ARTIFACT_IMAGE, .name = "policy image"};
}

struct shared_memory *ways_owner_pages(void)
{
    struct shared_memory *shared;

    assert_ok(shared_memory_new(&shared, 4096, "some"));
    assert_ok(shared_memory_seal(shared));
    return shared;
}

void ways_owner_hold(struct ways_owner *o, const struct hash *hash)
{
    const struct artifact what = ways_owner_image(hash);
    struct shared_memory *const shared = ways_owner_pages();

    fetch_ways_hold(o->ways, &what, shared);
    shared_memory_free(shared);
}

void ways_owner_begin(struct ways_owner *o, const struct hash *hash, int64_t now_ms)
{
    const struct artifact what = ways_owner_image(hash);

    fetch_ways_begin(o->ways, &what);
    fetch_ways_tick(o->ways, now_ms);
}

void ways_owner_offer(struct ways_owner *o, const struct hash *name, uint32_t kind,
                      uint64_t bytes, const struct hash *of, const struct hash *base)
{
    const struct artifact way = {*name, bytes, kind, "gone with its message", *of, *base};
    const struct msg_offer msg = {&way, 1};

    fetch_ways_offer(o->ways, &msg);
}

bool ways_owner_got(struct ways_owner *o, const struct artifact *what)
{
    struct shared_memory *const shared = ways_owner_pages();
    const bool ours = fetch_ways_got(o->ways, what, shared);

    shared_memory_free(shared);
    return ours;
}

bool ways_owner_got_way(struct ways_owner *o, const struct hash *name, uint32_t kind)
{
    const struct artifact what = {.hash = *name, .kind = kind, .name = ""};

    return ways_owner_got(o, &what);
}

/* The thread is done: with pages, or with words. */
struct shared_memory *ways_owner_built(struct ways_owner *o, bool good, int64_t took_ms)
{
    struct fetch_rebuild *const job = o->job;
    struct shared_memory *made = NULL;

    assert_non_null(job);
    o->job = NULL;
    job->took_ms = took_ms;
    if (good)
        job->made = ways_owner_pages();
    else
        job->err = ERR_PARSE;
    snprintf(job->words, sizeof job->words, "it does not have the hash");
    if (fetch_ways_built(o->ways, job))
        made = shared_memory_share(job->made);
    fetch_ways_rebuild_free(job);
    return made;
}
