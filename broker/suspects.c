/* suspects: whose answers were found false, and what that means for who gets work. */

#include "broker/suspects.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/blame.h"
#include "broker/state.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

static const struct hash none;

void suspects_fini(struct suspects *s)
{
    free(s->suspect);
    free(s->name);
}

void suspects_forget(struct suspects *s)
{
    s->n = 0;
    s->names = 0;
}

/* By its key, where that is its own; else by its address. */
static bool same(const struct suspects *s, const struct origin *a, const struct origin *b)
{
    if (!hash_same(&a->key, &none) && !hash_same(&a->key, &s->key))
        return hash_same(&a->key, &b->key);
    return hash_same(&a->key, &b->key) && !strcmp(a->address, b->address);
}

static struct suspect *find(const struct suspects *s, const struct origin *who)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (same(s, &s->suspect[i].who, who))
            return &s->suspect[i];
    return NULL;
}

static bool known(const struct suspects *s, const struct suspects_name *name)
{
    const uint64_t n = s->names < SUSPECTS_NAMES ? s->names : SUSPECTS_NAMES;

    for (uint64_t i = 0; i < n; i++)
        if (s->name[i].task == name->task && s->name[i].sample == name->sample &&
            hash_same(&s->name[i].hash, &name->hash))
            return true;
    return false;
}

/* A new one; of too many the one that has been quiet longest makes way. */
static struct suspect *add(struct suspects *s, int64_t now_ms)
{
    struct suspect *out = s->suspect;

    if (s->n < SUSPECTS_MAX) {
        out = &s->suspect[s->n++];
    } else {
        for (uint32_t i = 1; i < s->n; i++)
            if (s->suspect[i].last_ms < out->last_ms)
                out = &s->suspect[i];
    }
    *out = (struct suspect){.first_ms = now_ms};
    return out;
}

bool suspects_note(struct broker *b, const struct suspects_name *name, const char *words,
                   int64_t now_ms)
{
    const struct origin *who = &name->who;
    struct suspects *s = &b->suspects;
    struct suspect *at;

    if (!s->name) {
        s->name = mem_new(SUSPECTS_NAMES, sizeof *s->name);
        s->suspect = mem_new(SUSPECTS_MAX, sizeof *s->suspect);
    }
    if (known(s, name))
        return false;
    s->name[s->names++ % SUSPECTS_NAMES] = *name;
    at = find(s, who);
    if (!at)
        at = add(s, now_ms);
    at->who = *who;
    at->count++;
    at->last_ms = now_ms;
    text_print(at->words, sizeof at->words, "%s", words);
    log_warn("false", "peer=%s address=%s task=%llu sample=%u reason=\"%s\"", who->name,
             who->address, (unsigned long long)name->task, name->sample, words);
    for (struct broker_member *m = b->first; m; m = m->next)
        if (!memcmp(&m->id, &who->peer, sizeof m->id) && same(s, &m->origin, who)) {
            at->stood += !m->lies && m->joined_ms < at->first_ms;
            m->lies++;
            text_print(m->error, sizeof m->error, "%s", words);
        }
    return true;
}

static int class_of(const struct broker *b, const struct broker_member *m)
{
    const struct suspect *at = find(&b->suspects, &m->origin);

    if (blame_is_own(b, m))
        return 2;
    if (!at)
        return 0;
    if (m->lies)
        return 4;
    return m->joined_ms < at->first_ms && at->stood < SUSPECTS_SHARED ? 1 : 3;
}

void suspects_look(struct broker *b)
{
    b->suspects.least = 4;
    for (const struct broker_member *m = b->first; b->suspects.n && m; m = m->next)
        if (m->role == ROLE_ACTOR && m->greeted && !m->draining &&
            (m->avail > 0 || m->leases) && class_of(b, m) < b->suspects.least)
            b->suspects.least = class_of(b, m);
}

bool suspects_may(const struct broker *b, const struct broker_member *m)
{
    return !b->suspects.n || blame_is_own(b, m) || class_of(b, m) <= b->suspects.least;
}

bool suspects_worst(const struct broker *b, const struct broker_member *m)
{
    return b->suspects.n && class_of(b, m) >= 3;
}

void suspects_free(struct broker *b, int64_t now_ms)
{
    suspects_look(b);
    for (struct broker_member *m = b->first; m; m = m->next)
        if (m->role == ROLE_ACTOR && m->leases && !suspects_may(b, m))
            grant_take_all(b, m, now_ms);
}

void suspects_opened(struct broker *b, struct open_task *task, int64_t now_ms)
{
    const struct suspects *s = &b->suspects;
    const uint64_t n = s->names < SUSPECTS_NAMES ? s->names : SUSPECTS_NAMES;

    for (uint64_t i = 0; i < n; i++) {
        const struct suspects_name *const name = &s->name[i];

        if (name->task != task->def->id || name->sample >= task->def->samples)
            continue;
        blame_false(b, &task->sample[name->sample], &name->who, "its answer was false");
        blame_look(b, task, name->sample, now_ms);
    }
}

bool suspects_aside(const struct broker *b, const struct suspect *s)
{
    for (const struct broker_member *m = b->first; m; m = m->next)
        if (m->role == ROLE_ACTOR && same(&b->suspects, &m->origin, &s->who) &&
            suspects_may(b, m))
            return false;
    return true;
}
