/* Two things are weighed. A way against the image: bytes over rate, and the time to make one of the
 * other. And whether a pull should begin before the answer is here: what comes of it by then is for
 * nothing if a way is taken, and lost time if none is. Before the first answer a tenth of the pull
 * is risked, later what answers took, as long as the way is still sooner after that wait. */

#include "proto/fetch_weigh.h"

enum {
    LONG_MS = 3000,     /* a pull of that much waits for an answer first */
    ANSWER_MS = 2000,   /* at most, until one was measured */
    FIRST_CODING = 200, /* MB a second, until it was measured */
};

void fetch_weigh_new(struct fetch_weigh *w)
{
    *w = (struct fetch_weigh){.share = 0};
    w->coding[ARTIFACT_PATCH] = w->coding[ARTIFACT_ADAPTER] = FIRST_CODING * 1e6;
}

void fetch_weigh_coded(struct fetch_weigh *w, uint32_t kind, uint64_t bytes, int64_t ms)
{
    const double s = ms > 0 ? (double)ms / 1e3 : 1e-3;

    w->coding[kind] += ((double)bytes / s - w->coding[kind]) / 2;
}

void fetch_weigh_answered(struct fetch_weigh *w, int64_t ms, double share)
{
    const double old = w->answer_ms;

    w->answer_ms = old > 0 ? (old + (double)ms) / 2 : (double)(ms > 0 ? ms : 1);
    w->share = share;
}

int64_t fetch_weigh_patience(const struct fetch_weigh *w, double pull_ms)
{
    const double worth = .8 * pull_ms * (1 - w->share), usual = 2 * w->answer_ms + 200;

    if (w->answer_ms > 0)
        return (int64_t)(usual < worth ? usual : worth > 0 ? worth : 0);
    if (pull_ms <= LONG_MS)
        return 0;
    return (int64_t)(pull_ms / 10 < ANSWER_MS ? pull_ms / 10 : ANSWER_MS);
}

double fetch_weigh_way(const struct fetch_weigh *w, const struct artifact *of,
                       const struct artifact *way, double base_left, double rate)
{
    if (way->kind < ARTIFACT_PATCH || way->kind >= ARTIFACT_KINDS || way->bytes > of->bytes ||
        !way->bytes || hash_same(&way->base, &of->hash) || base_left < 0)
        return -1;
    return ((double)way->bytes + base_left) / rate + (double)of->bytes / w->coding[way->kind];
}

/* A tenth sooner, or it is not worth what may go wrong. Where the base of an adapter is to be
 * pulled first the image comes a little later, and all that follow much sooner. */
bool fetch_weigh_sooner(const struct artifact *way, bool base_here, double by_way,
                        double by_image)
{
    return by_way < (base_here || way->kind != ARTIFACT_ADAPTER ? .9 : 1.25) * by_image;
}
