/* Whose answers were found false, and what that means for who gets work.
 *
 * suspects_note is called with each REFUSED, and counts each answer once. Before work is given
 * out suspects_look finds the lowest class of which somebody is able, and suspects_may compares
 * with that: so whoever lied works on where nobody else can, and is set aside as soon as
 * somebody comes. As long as nobody has lied each of these looks at one number. */

#include "broker/suspects.h"

#include "base/log.h"
#include "base/mem.h"
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
    s->n_suspect = 0;
    s->n_name = 0;
}

/* By its key; without keys by its address. */
static bool same(const struct origin *a, const struct origin *b)
{
    return hash_same(&a->key, &b->key) &&
           (!hash_same(&a->key, &none) || !strcmp(a->address, b->address));
}

static struct suspect *find(const struct suspects *s, const struct origin *who)
{
    for (uint32_t i = 0; i < s->n_suspect; i++)
        if (same(&s->suspect[i].who, who))
            return &s->suspect[i];
    return NULL;
}

/* One by one: it is asked only when something was found false. */
static bool known(const struct suspects *s, const struct suspects_name *name)
{
    /* A ring: of more than that the oldest are forgotten, and would be counted once more. */
    const uint64_t n = s->n_name < SUSPECTS_NAMES ? s->n_name : SUSPECTS_NAMES;

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

    if (s->n_suspect < SUSPECTS_MAX) {
        out = &s->suspect[s->n_suspect++];
    } else {
        for (uint32_t i = 1; i < s->n_suspect; i++)
            if (s->suspect[i].last_ms < out->last_ms)
                out = &s->suspect[i];
    }
    *out = (struct suspect){.first_ms = now_ms};
    return out;
}

bool suspects_note(struct suspects *s, const struct members *members,
                   const struct suspects_name *name, const char *words, int64_t now_ms)
{
    const struct origin *who = &name->who;
    struct suspect *at;

    if (!s->name) {
        s->name = mem_new(SUSPECTS_NAMES, sizeof *s->name);
        s->suspect = mem_new(SUSPECTS_MAX, sizeof *s->suspect);
    }
    if (known(s, name))
        return false;
    s->name[s->n_name++ % SUSPECTS_NAMES] = *name;
    at = find(s, who);
    if (!at)
        at = add(s, now_ms);
    at->who = *who;
    at->count++;
    at->last_ms = now_ms;
    text_print(at->words, sizeof at->words, "%s", words);
    log_warn("false", "peer=%s address=%s task=%llu sample=%u reason=\"%s\"", who->name,
             who->address, (unsigned long long)name->task, name->sample, words);
    /* Whoever has that id now at another address or with another key is somebody else: an id
     * alone proves nothing. */
    for (struct broker_member *m = members->first; m; m = m->next)
        if (!memcmp(&m->id, &who->peer, sizeof m->id) && same(&m->origin, who)) {
            at->stood += !m->lies && m->joined_ms < at->first_ms;
            m->lies++;
            text_print(m->error, sizeof m->error, "%s", words);
        }
    return true;
}

/* Numbers as in suspects.h: less is better. */
static int class_of(const struct suspects *s, const struct run_state *run,
                    const struct broker_member *m)
{
    const struct suspect *at = find(s, &m->origin);

    if (run_is_own(run, m))
        return 2;
    if (!at)
        return 0;
    if (m->lies)
        return 4;
    return m->joined_ms < at->first_ms && at->stood < SUSPECTS_SHARED ? 1 : 3;
}

void suspects_look(struct suspects *s, const struct run_state *run,
                   const struct members *members)
{
    /* Able: with room now, or at work and so with room later. Others wait for such a one. */
    s->least = 4;
    for (const struct broker_member *m = members->first; s->n_suspect && m; m = m->next)
        if (m->role == ROLE_ACTOR && m->greeted && !m->draining &&
            (m->avail > 0 || m->leases) && class_of(s, run, m) < s->least)
            s->least = class_of(s, run, m);
}

/* What the learner's own actor may have blame.c decides, sample by sample. */
bool suspects_may(const struct suspects *s, const struct run_state *run,
                  const struct broker_member *m)
{
    return !s->n_suspect || run_is_own(run, m) || class_of(s, run, m) <= s->least;
}

bool suspects_worst(const struct suspects *s, const struct run_state *run,
                    const struct broker_member *m)
{
    return s->n_suspect && class_of(s, run, m) >= 3;
}

bool suspects_aside(const struct suspects *s, const struct run_state *run,
                    const struct members *members, const struct suspect *suspect)
{
    for (const struct broker_member *m = members->first; m; m = m->next)
        if (m->role == ROLE_ACTOR && same(&m->origin, &suspect->who) && suspects_may(s, run, m))
            return false;
    return true;
}
