/* Two lists, both bounded. `known`: what learners offer, by whom; an OFFER replaces its sender's. And
 * `asked`: a ring of who asked for what, from which a child hears of what comes later, and by which
 * the learner is not asked twice. Whoever falls out of the ring pulls the image, as it would without
 * an answer: nothing here has to arrive. */

#include "broker/bulk/ways.h"

#include "base/mem.h"
#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

enum {
    KNOWN = 64,        /* a learner makes some for each version that lives */
    ASKED = MAX_PEERS, /* each host once */
    OPEN_MS = 60000,   /* to make the difference of two images of 32 GiB */
};

struct ways_known {
    uint32_t learner;
    struct artifact what;
};

struct ways_asked {
    uint32_t child; /* 0: free */
    struct hash of, base;
    int64_t at_ms;
};

struct ways {
    struct ways_conf conf;
    struct ways_known known[KNOWN];
    uint32_t n;
    struct ways_asked *asked; /* [ASKED] */
    uint32_t next;
};

void ways_new(struct ways **out, const struct ways_conf *conf)
{
    struct ways *const w = mem_new(1, sizeof *w);

    w->conf = *conf;
    w->asked = mem_new(ASKED, sizeof *w->asked);
    *out = w;
}

void ways_free(struct ways *w)
{
    if (!w)
        return;
    free(w->asked);
    free(w);
}

/* All that makes it. */
static void tell(const struct ways *w, uint32_t child, const struct hash *of)
{
    struct artifact way[KNOWN];
    struct msg msg = {.head.type = MSG_OFFER, .offer = {.artifact = way}};

    for (uint32_t i = 0; i < w->n; i++)
        if (hash_same(&w->known[i].what.of, of))
            way[msg.offer.n_artifact++] = w->known[i].what;
    if (msg.offer.n_artifact)
        w->conf.tell(w->conf.self, child, &msg);
}

static bool is_open(const struct ways_asked *a, int64_t now_ms)
{
    return a->child && now_ms - a->at_ms < OPEN_MS;
}

/* The learner is asked with a base of zeros, too: so it hears that somebody pulls. */
void ways_ask(struct ways *w, uint32_t child, const struct msg_wreq *ask, int64_t now_ms)
{
    bool passed = false;

    for (uint32_t i = 0; i < ASKED; i++) {
        struct ways_asked *const a = &w->asked[i];
        if (!is_open(a, now_ms) || !hash_same(&a->of, &ask->hash) ||
            !hash_same(&a->base, &ask->base))
            continue;
        passed = true;
        if (a->child == child) /* again, on the same connection: one place in the ring */
            a->child = 0;
    }
    w->asked[w->next++ % ASKED] = (struct ways_asked){child, ask->hash, ask->base, now_ms};
    tell(w, child, &ask->hash);
    if (!passed) {
        struct msg msg = {.head.type = MSG_WREQ, .wreq = *ask};
        w->conf.ask(w->conf.self, &msg);
    }
}

static bool is_known(const struct ways *w, const struct hash *name)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (hash_same(&w->known[i].what.hash, name))
            return true;
    return false;
}

static void forget(struct ways *w, uint32_t learner)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->n; i++)
        if (w->known[i].learner != learner)
            w->known[kept++] = w->known[i];
    w->n = kept;
}

/* Its name is in the message's arena; here the kind says it all. */
static struct artifact kept(const struct artifact *from)
{
    struct artifact what = *from;

    what.name = what.kind == ARTIFACT_PATCH ? "policy patch" : "policy adapter";
    return what;
}

void ways_offer(struct ways *w, uint32_t learner, const struct msg_offer *offer, int64_t now_ms)
{
    struct hash fresh[KNOWN]; /* images that more leads to than before */
    uint32_t n_fresh = 0;
    struct ways_known found[KNOWN];
    uint32_t n = 0;

    for (uint32_t i = 0; i < offer->n_artifact && n < KNOWN; i++) {
        const struct artifact *const what = &offer->artifact[i];
        if (what->kind < ARTIFACT_PATCH)
            continue;
        found[n++] = (struct ways_known){learner, kept(what)};
        if (!is_known(w, &what->hash))
            fresh[n_fresh++] = what->of;
    }
    forget(w, learner);
    for (uint32_t i = 0; i < n && w->n < KNOWN; i++)
        w->known[w->n++] = found[i];
    for (uint32_t i = 0; i < n_fresh; i++)
        for (uint32_t k = 0; k < ASKED; k++)
            if (is_open(&w->asked[k], now_ms) && hash_same(&w->asked[k].of, &fresh[i]))
                tell(w, w->asked[k].child, &fresh[i]);
}

void ways_gone(struct ways *w, uint32_t peer)
{
    forget(w, peer);
    for (uint32_t i = 0; i < ASKED; i++)
        if (w->asked[i].child == peer)
            w->asked[i].child = 0;
}
