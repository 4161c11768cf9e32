/* A short list, looked through: one who serves has a child or two of each artifact. Whoever changes
 * what is in it sets `due`; the one who says it clears that. */

#include "broker/bulk/guests.h"

#include "base/mem.h"
#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

bool guests_keyed(const struct hash *key)
{
    static const struct hash none;

    return !hash_same(key, &none);
}

bool guests_let_in(struct guests *g, const struct hash *key)
{
    uint32_t at = 0;

    if (!guests_keyed(key))
        return true;
    while (at < g->n && !hash_same(&g->one[at].key, key))
        at++;
    if (at == MAX_GUESTS)
        return false;
    if (at == g->n) {
        g->one = mem_grow(g->one, at + 1, sizeof *g->one);
        g->one[g->n++].key = *key;
        g->due = true;
    }
    g->one[at].until_ms = 0;
    return true;
}

void guests_let_go(struct guests *g, const struct hash *key, int64_t now_ms)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (hash_same(&g->one[i].key, key))
            g->one[i].until_ms = now_ms + GUESTS_LINGER_MS;
}

static void take_out(struct guests *g, uint32_t i)
{
    g->n--;
    memmove(g->one + i, g->one + i + 1, (g->n - i) * sizeof *g->one);
    g->due = true;
}

void guests_revoke(struct guests *g, const struct hash *key)
{
    for (uint32_t i = g->n; i-- > 0;)
        if (hash_same(&g->one[i].key, key))
            take_out(g, i);
}

void guests_tick(struct guests *g, int64_t now_ms)
{
    for (uint32_t i = g->n; i-- > 0;)
        if (g->one[i].until_ms && now_ms >= g->one[i].until_ms)
            take_out(g, i);
}

void guests_fini(struct guests *g)
{
    free(g->one);
    memset(g, 0, sizeof *g);
}
