/* A sample knows its keeper by the place that a member has while it is here (members.h), not by
 * a pointer, and nobody looks after it when a member goes: another one in that place hears once
 * what it has no use for. */

#include "broker/keepers.h"

#include "base/mem.h"

void keepers_note(struct open_sample *sample, const struct broker_member *member)
{
    sample->keeper = member->place + 1;
}

void keepers_settled(struct broker *b, const struct open_sample *sample)
{
    struct keepers *keepers = &b->keepers;
    struct broker_member *member =
        sample->keeper ? members_at(&b->members, sample->keeper - 1) : NULL;

    /* Once is enough, however many of its answers are named: what goes out is the whole state. */
    if (!member || member->role != ROLE_ACTOR || member->concerned)
        return;
    if (keepers->n == keepers->capacity) {
        keepers->capacity = keepers->capacity ? 2 * keepers->capacity : 64;
        keepers->place = mem_grow(keepers->place, keepers->capacity, sizeof *keepers->place);
    }
    member->concerned = true;
    keepers->place[keepers->n++] = member->place;
}

/* Who heard a heartbeat since is concerned no more. Whose time it is not yet keeps its place in the
 * row. */
void keepers_tell(struct broker *b, int64_t now_ms)
{
    struct keepers *keepers = &b->keepers;
    struct msg msg = {.head.type = MSG_SETTLED,
                      .settled.settled = settled_view(&b->run.settled)};
    uint32_t kept = 0, told = 0;
    bool said = false;

    for (uint32_t i = 0; i < keepers->n; i++) {
        struct broker_member *member = members_at(&b->members, keepers->place[i]);

        if (!member || !member->concerned)
            continue;
        if (told == KEEPERS_ONCE || now_ms - member->told_ms < KEEPERS_MS) {
            keepers->place[kept++] = keepers->place[i];
            continue;
        }
        keepers_told(member, now_ms);
        if (member->greeted)
            outbox_tell(&b->outbox, &said, member, &msg);
        told++;
    }
    keepers->n = kept;
}

void keepers_told(struct broker_member *member, int64_t now_ms)
{
    member->concerned = false;
    member->told_ms = now_ms;
}
