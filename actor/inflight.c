/* A flat list: an actor holds as many samples as it has slots, and those that wait to be
 * settled; a search through it costs less than one token. What is settled is said again with
 * each heartbeat, so it is looked up sample by sample rather than kept. */

#include "actor/inflight.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct inflight {
    struct inflight_sample *entry;
    uint32_t n, room;
    struct claim *claim;
    uint64_t *lease;
    uint32_t *unbegun; /* beside `lease` */
};

void inflight_new(struct inflight **out)
{
    *out = mem_new(1, sizeof **out);
}

void inflight_rollout_free(struct rollout *rollout)
{
    if (!rollout)
        return;
    free((void *)(uintptr_t)rollout->token);
    free((void *)(uintptr_t)rollout->logprob);
    free((void *)(uintptr_t)rollout->span);
    free((void *)(uintptr_t)rollout->text);
    free(rollout);
}

void inflight_clear(struct inflight *inflight)
{
    for (uint32_t i = 0; i < inflight->n; i++)
        inflight_rollout_free(inflight->entry[i].rollout);
    inflight->n = 0;
}

void inflight_free(struct inflight *inflight)
{
    if (!inflight)
        return;
    inflight_clear(inflight);
    free(inflight->entry);
    free(inflight->claim);
    free(inflight->lease);
    free(inflight->unbegun);
    free(inflight);
}

struct inflight_sample *inflight_find(struct inflight *inflight, uint64_t task, uint32_t sample)
{
    for (uint32_t i = 0; i < inflight->n; i++)
        if (inflight->entry[i].task == task && inflight->entry[i].sample == sample)
            return &inflight->entry[i];
    return NULL;
}

bool inflight_add(struct inflight *inflight, uint64_t task, uint32_t sample, uint64_t lease,
                  const struct version *version, bool text)
{
    if (inflight_find(inflight, task, sample))
        return false;
    if (inflight->n == inflight->room) {
        inflight->room = inflight->room ? 2 * inflight->room : 64;
        inflight->entry = mem_grow(inflight->entry, inflight->room, sizeof *inflight->entry);
    }
    inflight->entry[inflight->n++] = (struct inflight_sample){
        .task = task, .lease = lease, .sample = sample, .version = *version, .text = text};
    return true;
}

/* The last takes its place: order means nothing here, and whoever walks the list while it
 * removes looks at the same place again (inflight_settle). */
static void remove_at(struct inflight *inflight, uint32_t i)
{
    inflight_rollout_free(inflight->entry[i].rollout);
    inflight->entry[i] = inflight->entry[--inflight->n];
}

void inflight_remove(struct inflight *inflight, uint64_t task, uint32_t sample)
{
    const struct inflight_sample *e = inflight_find(inflight, task, sample);

    if (e)
        remove_at(inflight, (uint32_t)(e - inflight->entry));
}

uint32_t inflight_remove_task(struct inflight *inflight, uint64_t task)
{
    const uint32_t was = inflight->n;

    for (uint32_t i = 0; i < inflight->n;)
        if (inflight->entry[i].task == task)
            remove_at(inflight, i);
        else
            i++;
    return was - inflight->n;
}

void inflight_begun(struct inflight *inflight, uint64_t task, uint32_t first, uint32_t count)
{
    for (uint32_t s = first; s - first < count; s++) {
        struct inflight_sample *e = inflight_find(inflight, task, s);

        if (e)
            e->begun = true;
    }
}

struct inflight_sample *inflight_list(struct inflight *inflight, uint32_t *n)
{
    *n = inflight->n;
    return inflight->entry;
}

/* Ranges above the watermark are few: what is out of order, not what is done. */
static bool is_settled(const struct settled *s, uint64_t task, uint32_t sample)
{
    if (task < s->watermark)
        return true;
    for (uint32_t i = 0; i < s->n_range; i++)
        if (s->range[i].task == task && sample >= s->range[i].first &&
            sample - s->range[i].first < s->range[i].count)
            return true;
    return false;
}

uint32_t inflight_settle(struct inflight *inflight, const struct settled *settled,
                         void (*dropped)(void *self, uint64_t task, uint32_t sample),
                         void *self)
{
    uint32_t forgot = 0;

    for (uint32_t i = 0; i < inflight->n;) {
        const struct inflight_sample e = inflight->entry[i];
        if (!is_settled(settled, e.task, e.sample)) {
            i++;
            continue;
        }
        if (!e.rollout)
            dropped(self, e.task, e.sample);
        remove_at(inflight, i);
        forgot++;
    }
    return forgot;
}

uint32_t inflight_done(const struct inflight *inflight)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < inflight->n; i++)
        done += inflight->entry[i].rollout != NULL;
    return done;
}

/* One that is written needs its weights no more: it says itself which they were. */
bool inflight_wants(const struct inflight *inflight, const struct version *version)
{
    for (uint32_t i = 0; i < inflight->n; i++) {
        const struct inflight_sample *e = &inflight->entry[i];

        if (!e->rollout && e->version.number == version->number &&
            hash_same(&e->version.hash, &version->hash))
            return true;
    }
    return false;
}

uint32_t inflight_running(const struct inflight *inflight)
{
    return inflight->n - inflight_done(inflight);
}

/* All of it, by the hash of what is written: the broker can then tell whether it has that very
 * answer, another one, or none. */
const struct claim *inflight_claims(struct inflight *inflight, uint32_t *n)
{
    inflight->claim = mem_grow(inflight->claim, inflight->n, sizeof *inflight->claim);
    for (uint32_t i = 0; i < inflight->n; i++) {
        const struct inflight_sample *e = &inflight->entry[i];
        inflight->claim[i] = (struct claim){.task = e->task,
                                            .sample = e->sample,
                                            .state = e->rollout ? CLAIM_DONE : CLAIM_RUNNING};
        if (e->rollout)
            inflight->claim[i].hash = e->rollout->hash;
    }
    *n = inflight->n;
    return inflight->claim;
}

static int rising(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static bool is_unbegun(const struct inflight_sample *e)
{
    return !e->begun && !e->rollout;
}

/* Each lease once. One that is not in the list is given up, or lost: the broker gives its
 * samples to others, so a lease stays listed while anything of it is in hand, written or not. */
const uint64_t *inflight_leases(struct inflight *inflight, const uint32_t **unbegun,
                                uint32_t *n)
{
    uint32_t kept = 0;

    inflight->lease = mem_grow(inflight->lease, inflight->n, sizeof *inflight->lease);
    inflight->unbegun = mem_grow(inflight->unbegun, inflight->n, sizeof *inflight->unbegun);
    for (uint32_t i = 0; i < inflight->n; i++)
        inflight->lease[i] = inflight->entry[i].lease;
    if (inflight->n)
        qsort(inflight->lease, inflight->n, sizeof *inflight->lease, rising);
    for (uint32_t i = 0; i < inflight->n; i++)
        if (!i || inflight->lease[i] != inflight->lease[i - 1])
            inflight->lease[kept++] = inflight->lease[i];
    for (uint32_t i = 0; i < kept; i++)
        inflight->unbegun[i] = 0;
    for (uint32_t i = 0; i < inflight->n; i++) {
        const struct inflight_sample *e = &inflight->entry[i];
        const uint64_t *at = is_unbegun(e) ? bsearch(&e->lease, inflight->lease, kept,
                                                     sizeof *inflight->lease, rising)
                                           : NULL;

        if (at)
            inflight->unbegun[at - inflight->lease]++;
    }
    *unbegun = inflight->unbegun;
    *n = kept;
    return inflight->lease;
}

const struct inflight_sample *inflight_last(const struct inflight *inflight, uint64_t lease,
                                            uint32_t from, bool begun)
{
    const struct inflight_sample *last = NULL;

    for (uint32_t i = 0; i < inflight->n; i++) {
        const struct inflight_sample *e = &inflight->entry[i];

        if (e->lease == lease && e->sample >= from && !e->rollout && (begun || !e->begun) &&
            (!last || e->sample > last->sample))
            last = e;
    }
    return last;
}

/* What is kept until it is settled: room() stops asking for work above a bound, so a learner
 * that takes nothing does not fill our memory. */
size_t inflight_bytes(const struct inflight *inflight)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < inflight->n; i++) {
        const struct rollout *r = inflight->entry[i].rollout;
        if (r)
            bytes += sizeof *r + r->n_token * 8u + (r->text ? strlen(r->text) : 0);
    }
    return bytes;
}
