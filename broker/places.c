/* Members sorted by their machine's name, then one row for each run of equal names: n log n once a
 * second, with nothing to keep in step as members come and go. Who does not say its machine is
 * known by its address.
 *
 * How long weights still take is an estimate: what has come over the wire to a host's processes
 * since its actors lack the newest version, against the size of that version, by the rate measured
 * there. Where a difference travels in the place of the image it is too long. */

#include "broker/places.h"

#include "base/mem.h"
#include "broker/wanted.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

static const struct hash any;

/* SLOW: what is there sooner is no slow link. UNKNOWN: a rate is measured sooner, where anything comes. */
enum { SLOW_MS = 1000, UNKNOWN_MS = 2000 };

static const char *place(const struct broker_member *m)
{
    return *m->host ? m->host : m->origin.address;
}

static int by_place(const void *a, const void *b)
{
    return strcmp(place(*(const struct broker_member *const *)a),
                  place(*(const struct broker_member *const *)b));
}

/* Of no interest where no version has a hash yet: then any weights will do. */
static bool lacks(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && b->run.bound && !b->run.done && !run_is_own(&b->run, m) &&
           !hash_same(&b->run.newest.hash, &any) && !members_holds(m, &b->run.newest.hash);
}

void places_second(struct broker *b)
{
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        if (!lacks(b, m)) {
            m->lacks_version = 0;
        } else if (m->lacks_version != b->run.newest.number + 1) {
            m->lacks_version = b->run.newest.number + 1;
            m->lacks_ms = b->now_ms;
            m->lacks_from = m->wire_bytes;
        }
    }
}

/* One member more at a host; `taken` grows by what has come of the newest weights. */
static void count(struct msg_stats_host *host, const struct broker_member *m, uint64_t *taken,
                  uint64_t *rate, size_t *room)
{
    host->processes++;
    host->actors += m->role == ROLE_ACTOR;
    host->tokens_s += m->role == ROLE_ACTOR ? members_rate(m) : 0;
    host->wire_bytes += m->wire_bytes;
    host->wire_rate += m->wire_rate;
    if (m->lacks_version) {
        host->lacking++;
        *taken += m->wire_bytes > m->lacks_from ? m->wire_bytes - m->lacks_from : 0;
        *rate += m->wire_rate;
    }
    if (m->role != ROLE_SUPERVISOR)
        return;
    host->head |= m->head;
    if (m->metrics && !*host->metrics && strlen(m->metrics) <= *room) {
        host->metrics = m->metrics;
        *room -= strlen(m->metrics);
    }
}

static void estimate(const struct broker *b, struct msg_stats_host *host, uint64_t taken,
                     uint64_t rate)
{
    const uint64_t bytes = b->run.newest_bytes;
    double left_ms;

    if (!host->lacking || !rate || bytes <= taken)
        return;
    left_ms = (double)(bytes - taken) / (double)rate * 1e3;
    host->left_ms = left_ms < LIMIT_MS ? (uint32_t)left_ms + 1 : LIMIT_MS;
}

/* Whether a slow link matters: while somebody has the newest weights the work goes there. */
static void look_at_others(const struct broker *b, struct places *out)
{
    for (const struct broker_member *m = b->members.first; m && !out->others; m = m->next)
        out->others = m->role == ROLE_ACTOR && m->greeted && !m->lacks_version;
    for (uint32_t i = 0; i < out->n; i++)
        if (out->host[i].left_ms >= SLOW_MS &&
            (!out->slowest || out->host[i].left_ms > out->slowest->left_ms))
            out->slowest = &out->host[i];
}

void places_list(const struct broker *b, struct places *out)
{
    const struct broker_member **list = mem_new(b->members.n + 1, sizeof *list);
    size_t room = PLACES_METRICS;
    uint32_t n = 0;

    out->n = 0;
    out->slowest = NULL;
    out->others = false;
    for (const struct broker_member *m = b->members.first; m; m = m->next)
        if (m->greeted && m->role <= ROLE_SUPERVISOR)
            list[n++] = m;
    qsort(list, n, sizeof(struct broker_member *), by_place);
    for (uint32_t i = 0, end; i < n && out->n < PLACES_MAX; i = end) {
        struct msg_stats_host *host = &out->host[out->n++];
        uint64_t taken = 0, rate = 0;

        *host = (struct msg_stats_host){.name = place(list[i]), .metrics = ""};
        out->first[out->n - 1] = i;
        out->since_ms[out->n - 1] = INT64_MAX;
        for (end = i; end < n && !strcmp(place(list[end]), host->name); end++) {
            count(host, list[end], &taken, &rate, &room);
            if (list[end]->lacks_version && list[end]->lacks_ms < out->since_ms[out->n - 1])
                out->since_ms[out->n - 1] = list[end]->lacks_ms;
        }
        estimate(b, host, taken, rate);
    }
    out->member = list;
    look_at_others(b, out);
}

void places_free(struct places *places)
{
    free(places->member);
}

static int slowest_first(const void *a, const void *b)
{
    const struct msg_stats_host *x = *(const struct msg_stats_host *const *)a,
                                *y = *(const struct msg_stats_host *const *)b;

    return (x->left_ms < y->left_ms) - (x->left_ms > y->left_ms);
}

/* Of a link whose rate is not known yet only that it is waited for. */
static size_t put_words(const struct places *places, const struct msg_stats_host *host,
                        char words[WAITS_WORDS])
{
    const char *const end = places->others ? ": it does not hold the others" : "";

    if (!host->left_ms)
        return text_print(words, WAITS_WORDS, "weights to %s, at a rate not known yet%s",
                          host->name, end);
    return text_print(words, WAITS_WORDS, "weights to %s at %.1f MB/s, %u s left%s", host->name,
                      (double)host->wire_rate / 1e6, host->left_ms / 1000, end);
}

uint32_t places_waits(struct places *places, struct msg_wait *wait, int64_t now_ms)
{
    const struct msg_stats_host *slow[PLACES_MAX];
    int64_t age_ms;
    uint32_t n = 0, many;

    for (uint32_t i = 0; i < places->n; i++)
        if (places->host[i].left_ms >= SLOW_MS ||
            (places->host[i].lacking && !places->host[i].left_ms &&
             now_ms - places->since_ms[i] >= UNKNOWN_MS))
            slow[n++] = &places->host[i];
    qsort(slow, n, sizeof(struct msg_stats_host *), slowest_first);
    many = n < PLACES_WAITS ? n : PLACES_WAITS;
    for (uint32_t i = 0; i < many; i++) {
        const size_t at = put_words(places, slow[i], places->words[i]);

        if (i + 1 == many && n > many)
            text_print(places->words[i] + at, WAITS_WORDS - at, " (and %u hosts more)",
                       n - many);
        age_ms = now_ms - places->since_ms[slow[i] - places->host];
        wait[i] =
            (struct msg_wait){.name = places->words[i],
                              .scorer = "",
                              .advice = places->others ? ""
                                                       : "a faster link there, or an adapter "
                                                         "instead of whole weights",
                              .age_ms = age_ms > LIMIT_MS ? LIMIT_MS : (uint32_t)age_ms};
    }
    return many;
}
