/* A lease goes to who holds the weights of its task, so everybody has to be told which those are
 * before there is a lease: WELCOME and each heartbeat list them. Most tasks in a row name the same
 * version, so the list is found in one pass over the tasks a second, and a new one is added when it
 * is opened: who joins then hears of it at once. A task without a hash takes any version. */

#include "broker/wanted.h"

#include "proto/text.h"

#include <string.h>

static const struct hash any;

static bool same(const struct version *a, const struct version *b)
{
    return a->number == b->number && hash_same(&a->hash, &b->hash);
}

void wanted_add(struct broker *b, const struct version *version)
{
    if (hash_same(&version->hash, &any))
        return;
    /* The last one first: it is the one that was just added. */
    for (uint32_t i = b->n_wanted; i-- > 0;)
        if (same(&b->wanted[i], version))
            return;
    if (b->n_wanted < MAX_WANTED)
        b->wanted[b->n_wanted++] = *version;
}

void wanted_look(struct broker *b)
{
    b->n_wanted = 0;
    if (!b->tasks.count[SAMPLE_WAITING] && !b->tasks.count[SAMPLE_LEASED])
        return;
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);

        if (task && task->open && run_fetchable(&b->run, &task->def->version))
            wanted_add(b, &task->def->version);
    }
}

bool wanted_held(const struct broker_member *actor, const struct version *version)
{
    if (hash_same(&version->hash, &any))
        return actor->n_image && members_newest(actor) >= version->number;
    return members_holds(actor, &version->hash);
}

const struct version *wanted_next(const struct broker *b)
{
    const struct open_task *task = NULL;

    for (uint64_t id = b->tasks.next; id < b->tasks.end && (!task || !task->waiting); id++)
        task = tasks_find(&b->tasks, id);
    return task && task->waiting ? &task->def->version : NULL;
}

uint32_t wanted_lacking(const struct broker *b, char *who, size_t room)
{
    const struct version *version = wanted_next(b);
    uint32_t lacking = 0;
    size_t n = 0;

    *who = 0;
    if (!version)
        return 0;
    for (const struct broker_member *m = b->members.first; m; m = m->next) {
        if (m->role != ROLE_ACTOR || !m->greeted || m->draining || run_is_own(&b->run, m))
            continue;
        if (wanted_held(m, version))
            return 0;
        if (n < room)
            n += text_print(who + n, room - n, "%s%s", lacking ? ", " : "", m->who);
        lacking++;
    }
    return lacking;
}
