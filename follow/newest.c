/* A version whose pull is more than half done is finished, although a newer one is out: else a line
 * that takes longer for one than the run takes to make the next would bring none at all. One that
 * died (below smallest_live) comes from nobody any more, unless what makes it of another version is
 * nearly here: then the next one can be made of it, too. */

#include "follow/newest.h"

#include <string.h>

static const struct hash none;

static bool is_some(const struct version *v)
{
    return !hash_same(&v->hash, &none);
}

static bool is_same(const struct version *a, const struct version *b)
{
    return a->number == b->number && hash_same(&a->hash, &b->hash);
}

void newest_hear(struct newest *n, const struct version *version, uint64_t smallest_live)
{
    if (is_some(version))
        n->heard = *version;
    n->smallest_live = smallest_live;
}

void newest_forget(struct newest *n)
{
    n->heard = n->wanted = (struct version){0};
    n->smallest_live = 0;
}

/* Is `wanted` worth waiting for, now that another one is the newest? */
static bool worth(const struct newest *n, double share, bool by_way)
{
    const bool dead = n->wanted.number < n->smallest_live;

    return share > .5 && (!dead || by_way);
}

static enum newest_step lacking(struct newest *n, int64_t now_ms)
{
    if (!n->since_ms)
        n->since_ms = now_ms;
    if (n->told || !is_some(&n->held) || now_ms - n->since_ms < NEWEST_SLOW_MS)
        return NEWEST_REST;
    n->told = true;
    return NEWEST_BEHIND;
}

enum newest_step newest_next(struct newest *n, bool asked, double share, bool by_way,
                             int64_t now_ms)
{
    if (is_some(&n->wanted) && !is_same(&n->wanted, &n->heard) && !worth(n, share, by_way))
        return NEWEST_DROP;
    if (!is_some(&n->heard) || is_same(&n->heard, &n->held)) {
        if (!is_some(&n->wanted)) {
            n->since_ms = now_ms;
            n->told = false;
        }
        return NEWEST_REST;
    }
    if (!is_some(&n->wanted))
        n->wanted = n->heard;
    return asked ? lacking(n, now_ms) : NEWEST_ASK;
}

void newest_dropped(struct newest *n)
{
    n->wanted = (struct version){0};
}

bool newest_got(struct newest *n, const struct hash *hash, int64_t now_ms)
{
    if (!is_some(&n->wanted) || !hash_same(&n->wanted.hash, hash))
        return false;
    n->held = n->wanted;
    n->wanted = (struct version){0};
    n->since_ms = now_ms;
    n->told = false;
    return true;
}
