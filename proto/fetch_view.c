/* An image comes by its own pull, or by that of a way (fetch_ways.h) and perhaps of the base that the
 * way is of. What has come of its own pull stays when a way is taken instead, so bytes are that
 * much, and of what then is lacking the share that way and base have come: a base that takes a
 * slow line minutes is progress all the while, and its host's giver is not taken for one that
 * stands still. */

#include "proto/fetch_view.h"

#include <stdio.h>

/* Of its own pull. */
static double own(const struct fetch_wire *wire, const struct hash *hash)
{
    const struct blob_pull *const pull = fetch_wire_pull(wire, hash);
    const struct blob_pull_stats stats =
        pull ? blob_pull_stats(pull) : (struct blob_pull_stats){0};
    const uint64_t all = stats.chunks + stats.missing;

    return all ? (double)stats.chunks / (double)all : 0;
}

/* Of what it is made of, by bytes. */
static double by_way(const struct fetch_wire *wire, const struct fetch_ways *ways,
                     const struct hash *hash)
{
    struct fetch_ways_parts p;
    double came, all;

    if (fetch_ways_builds(ways, hash))
        return 1;
    if (!fetch_ways_taken(ways, hash, &p))
        return 0;
    all = (double)p.way.bytes;
    came = all * (p.way_here ? 1 : own(wire, &p.way.hash));
    if (!p.base_here) {
        all += (double)p.base.bytes;
        came += (double)p.base.bytes * own(wire, &p.base.hash);
    }
    return all > 0 ? came / all : 0;
}

double fetch_view_share(const struct fetch_wire *wire, const struct fetch_ways *ways,
                        const struct hash *hash)
{
    const double pulled = own(wire, hash), made = by_way(wire, ways, hash);

    return pulled > made ? pulled : made;
}

uint64_t fetch_view_bytes(const struct fetch_wire *wire, const struct fetch_ways *ways,
                          const struct artifact *what)
{
    const double pulled = own(wire, &what->hash), made = by_way(wire, ways, &what->hash);

    return (uint64_t)((pulled + (1 - pulled) * made) * (double)what->bytes);
}

const char *fetch_view_note(const struct fetch_wire *wire, const struct artifact *what,
                            char *out, size_t n)
{
    const struct blob_pull *const pull = fetch_wire_pull(wire, &what->hash);
    const struct blob_pull_stats stats =
        pull ? blob_pull_stats(pull) : (struct blob_pull_stats){0};
    const char *const from = fetch_wire_from(wire, &what->hash);

    snprintf(out, n, "%s: %zu of %zu chunks%s%.64s%s%s", what->name, (size_t)stats.chunks,
             (size_t)(stats.chunks + stats.missing), *from ? " from " : "", from,
             *stats.reason ? ", last answer: " : "", stats.reason);
    return out;
}
