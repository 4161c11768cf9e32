/* How: each row becomes a unit: its items in order, who shares a place, a weight, whose it is, and
 * a checksum of all that. Units are sorted by group, within it by checksum; groups by the checksum
 * of their units' checksums. Two that differ and share a checksum may stand either way round, which
 * moves nothing but one draw of a bootstrap. */

#include "ratings/choices.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct choices_unit {
    size_t at; /* of its items */
    int n;
    uint32_t group, sum;
    double weight;
};

struct choices_building {
    const struct votes *votes;
    const int *place;
    enum cells_group by;
    struct choices_unit *unit;
    int *item;
    bool *ends; /* [items] the place ends with this item */
    size_t units, items;
    uint32_t groups;
};

/* Whoever has no prompt belongs to nobody: a new group each time. */
static uint32_t group_of(struct choices_building *b, uint32_t prompt, uint32_t judge)
{
    const uint32_t named = b->by == GROUP_PROMPT  ? prompt
                           : b->by == GROUP_JUDGE ? judge
                                                  : VOTES_NONE;

    return named == VOTES_NONE ? b->groups++ : named;
}

/* All that distinguishes a unit goes into its checksum, and nothing of where it stood. */
static void close_unit(struct choices_building *b, size_t at, double weight, uint32_t group)
{
    const size_t n = b->items - at;
    uint32_t sum = hash_crc32c(0, b->item + at, n * sizeof *b->item);

    sum = hash_crc32c(sum, b->ends + at, n * sizeof *b->ends);
    sum = hash_crc32c(sum, &weight, sizeof weight);
    b->unit[b->units++] = (struct choices_unit){
        .at = at, .n = (int)n, .group = group, .sum = sum, .weight = weight};
}

static void put(struct choices_building *b, int item, bool ends)
{
    b->item[b->items] = item;
    b->ends[b->items++] = ends;
}

/* A vote is a ranking of two: the winner, then the other; a tie as one place, smaller
 * number first. */
static void take_vote(struct choices_building *b, const struct vote *v)
{
    const size_t at = b->items;
    const bool tie = v->winner == WINNER_TIE || v->winner == WINNER_BOTH_BAD;
    int p = b->place[v->winner == WINNER_B ? v->b : v->a];
    int q = b->place[v->winner == WINNER_B ? v->a : v->b];

    if (v->a == v->b)
        return; /* with itself: says nothing of any strength */
    if (tie && p > q) {
        const int other = p;
        p = q;
        q = other;
    }
    put(b, p, !tie);
    put(b, q, true);
    close_unit(b, at, v->weight, group_of(b, v->prompt, v->judge));
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Those who share a place stand by their numbers, however they were written. */
static void take_ranking(struct choices_building *b, const struct votes_ranking *r)
{
    const struct votes_placed *placed = b->votes->placed + r->at;
    const size_t at = b->items;
    size_t first = at;

    for (int i = 0; i < r->n; i++) {
        const bool ends = i + 1 == r->n || !placed[i + 1].with_last;
        put(b, b->place[placed[i].model], ends);
        if (!ends)
            continue;
        qsort(b->item + first, b->items - first, sizeof *b->item, by_number);
        first = b->items;
    }
    close_unit(b, at, r->weight, group_of(b, r->prompt, r->judge));
}

static int by_group(const void *a, const void *b)
{
    const struct choices_unit *p = a, *q = b;

    if (p->group != q->group)
        return p->group < q->group ? -1 : 1;
    return (p->sum > q->sum) - (p->sum < q->sum);
}

struct choices_span {
    size_t at, n; /* of its units */
    uint32_t sum;
};

static int by_sum(const void *a, const void *b)
{
    const struct choices_span *p = a, *q = b;

    if (p->sum != q->sum)
        return p->sum < q->sum ? -1 : 1;
    return (p->n > q->n) - (p->n < q->n);
}

/* A unit's choices: place by place, each among those that have none yet. */
static void choose(struct choices *out, const struct choices_building *b,
                   const struct choices_unit *u)
{
    for (int from = 0, to = 1; from < u->n - 1; to++) {
        if (!b->ends[u->at + (size_t)to - 1])
            continue;
        out->choice[out->n++] = (struct plackett_choice){out->item + u->at + from, to - from,
                                                         u->n - from, u->weight};
        from = to;
    }
}

/* Units by group, groups by what is in them, and so their choices. */
static void gather(struct choices *out, const struct choices_building *b)
{
    struct choices_span *group = mem_new(b->units + 1, sizeof *group);
    size_t groups = 0;

    qsort(b->unit, b->units, sizeof *b->unit, by_group);
    for (size_t i = 0; i < b->units; i++) {
        if (!i || b->unit[i].group != b->unit[i - 1].group)
            group[groups++] = (struct choices_span){i, 0, 0};
        group[groups - 1].n++;
        group[groups - 1].sum =
            hash_crc32c(group[groups - 1].sum, &b->unit[i].sum, sizeof b->unit[i].sum);
    }
    qsort(group, groups, sizeof *group, by_sum);
    out->begins = mem_new(groups + 1, sizeof *out->begins);
    for (size_t g = 0; g < groups; g++) {
        for (size_t i = 0; i < group[g].n; i++)
            choose(out, b, &b->unit[group[g].at + i]);
        out->begins[g + 1] = out->n;
    }
    out->groups = groups;
    free(group);
}

/* One block holds all items, since choices of a ranking are its tails: they share them. */
enum err choices_build(struct choices *out, const struct votes *votes, const int *place,
                       enum cells_group by)
{
    const size_t items = votes->places + 2 * votes->n;
    struct choices_building b = {.votes = votes, .place = place, .by = by};
    enum err err;

    b.groups = by == GROUP_PROMPT ? votes->prompts : by == GROUP_JUDGE ? votes->judges : 0;
    memset(out, 0, sizeof *out);
    err = mem_big(&b.item, items + 1, sizeof *b.item, "rankings");
    if (err)
        return err;
    b.ends = mem_new(items + 1, sizeof *b.ends);
    b.unit = mem_new(votes->n + votes->rankings + 1, sizeof *b.unit);
    for (size_t i = 0; i < votes->n; i++)
        take_vote(&b, &votes->vote[i]);
    for (size_t i = 0; i < votes->rankings; i++)
        take_ranking(&b, &votes->ranking[i]);
    out->item = b.item;
    out->choice = mem_new(b.items + 1, sizeof *out->choice);
    gather(out, &b);
    free(b.ends);
    free(b.unit);
    return OK;
}

void choices_fini(struct choices *choices)
{
    free(choices->choice);
    free(choices->begins);
    free(choices->item);
    memset(choices, 0, sizeof *choices);
}
