/* The bulk port asks the learner for a chunk when somebody waits for it, once. So whether its line is
 * what all wait for shows by how long it owes something: a host that is slower than the learner
 * asks for little at once, and is given it at once; a learner that is the slowest of all owes all
 * the time. Owed at nine ticks of ten, second after second, is all the time: between two chunks
 * there may be none.
 *
 * A learner on the broker's machine gives pages and owes nothing. */

#include "broker/uplink.h"

#include "broker/state.h"
#include "proto/text.h"

void uplink_look(struct broker *b, bool owes, uint64_t bytes, int64_t now_ms)
{
    struct uplink *u = &b->uplink;

    u->bytes = bytes;
    u->looks++;
    u->owed += owes;
    if (owes && !u->since_ms)
        u->since_ms = now_ms;
}

void uplink_second(struct broker *b)
{
    struct uplink *u = &b->uplink;

    if (u->version != b->run.newest.number + 1) {
        u->version = b->run.newest.number + 1;
        u->from = u->bytes;
    }
    if (10 * u->owed < 9 * u->looks)
        u->since_ms = 0;
    u->looks = u->owed = 0;
    u->past[u->n++ % (UPLINK_SECONDS + 1)] = u->bytes;
}

bool uplink_words(const struct broker *b, char *out, size_t room)
{
    const struct uplink *u = &b->uplink;
    const uint64_t then = u->n > UPLINK_SECONDS ? u->past[u->n % (UPLINK_SECONDS + 1)] : 0;
    const uint64_t now = u->n ? u->past[(u->n - 1) % (UPLINK_SECONDS + 1)] : 0;
    const uint64_t taken = u->bytes - u->from;
    const double rate = (double)(now - then) / UPLINK_SECONDS;

    if (!u->since_ms || u->n <= UPLINK_SECONDS ||
        b->now_ms - u->since_ms < UPLINK_SECONDS * 1000)
        return false;
    if (rate > 0 && b->run.newest_bytes > taken)
        text_print(out, room, "the learner's link: weights leave it at %.1f MB/s, %.0f s left",
                   rate / 1e6, (double)(b->run.newest_bytes - taken) / rate);
    else
        text_print(out, room, "the learner's link: weights leave it at %.1f MB/s", rate / 1e6);
    return true;
}
