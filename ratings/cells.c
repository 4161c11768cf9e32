/* How: each vote is turned so that the smaller number comes first (outcome and x turn with it),
 * then found in a hash table of cells; the cells are sorted, and the votes' numbers follow. Groups:
 * a counting sort of votes by group, each group's kinds sorted, the groups sorted by them. */

#include "ratings/cells.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct cells_building {
    struct cells *out;
    const struct votes *votes;
    const int *place;
    uint32_t *slot; /* [room] cell + 1; 0: free */
    size_t room, cells_room;
};

/* The key of a cell is all of this but the counts. */
static int compare(const void *a, const void *b)
{
    const struct votes_cell *p = a, *q = b;

    if (p->row.first != q->row.first)
        return p->row.first < q->row.first ? -1 : 1;
    if (p->row.second != q->row.second)
        return p->row.second < q->row.second ? -1 : 1;
    for (int k = 0; k < BRADLEY_EFFECTS_MAX; k++)
        if (p->row.x[k] != q->row.x[k])
            return p->row.x[k] < q->row.x[k] ? -1 : 1;
    return (p->weight > q->weight) - (p->weight < q->weight);
}

/* Zeros behind the covariates are hashed too: a cell has one size, however many there are. */
static uint32_t hash_cell(const struct votes_cell *c)
{
    const int who[2] = {c->row.first, c->row.second};
    uint32_t crc = hash_crc32c(0, who, sizeof who);

    crc = hash_crc32c(crc, c->row.x, sizeof c->row.x);
    return hash_crc32c(crc, &c->weight, sizeof c->weight);
}

/* Vote i as a cell of its own. 0 - x and not -x: zeros must not differ in sign. */
static struct votes_cell as_cell(const struct cells_building *b, size_t i, int *outcome)
{
    static const int outcomes[WINNERS] = {PAIRED_FIRST, PAIRED_SECOND, PAIRED_TIE, PAIRED_TIE};
    const struct vote *v = &b->votes->vote[i];
    const int k = b->votes->covariates, p = b->place[v->a], q = b->place[v->b];
    struct votes_cell cell = {.weight = v->weight};

    *outcome = outcomes[v->winner];
    if (p > q)
        *outcome = PAIRED_SECOND - *outcome;
    cell.row.first = p < q ? p : q;
    cell.row.second = p < q ? q : p;
    for (int j = 0; j < k; j++) {
        const double x = b->votes->x[i * (size_t)k + (size_t)j];
        cell.row.x[j] = p > q ? 0 - x : 0 + x;
    }
    return cell;
}

/* Twice the slots, and every cell finds its own again. Half of them stay free, so that a
 * search is short. */
static void spread(struct cells_building *b)
{
    free(b->slot);
    b->room = b->room ? 2 * b->room : 4096;
    b->slot = mem_new(b->room, sizeof *b->slot);
    for (size_t i = 0; i < b->out->n; i++) {
        size_t at = hash_cell(&b->out->cell[i]) & (b->room - 1);
        while (b->slot[at])
            at = (at + 1) & (b->room - 1);
        b->slot[at] = (uint32_t)i + 1;
    }
}

/* The number of the cell that is like this one, by first sight. */
static uint32_t cell_of(struct cells_building *b, const struct votes_cell *cell)
{
    struct cells *out = b->out;
    size_t at;

    if (out->n >= b->room / 2)
        spread(b);
    at = hash_cell(cell) & (b->room - 1);
    while (b->slot[at] && compare(cell, &out->cell[b->slot[at] - 1]))
        at = (at + 1) & (b->room - 1);
    if (b->slot[at])
        return b->slot[at] - 1;
    if (out->n == b->cells_room) {
        b->cells_room = b->cells_room ? 2 * b->cells_room : 1024;
        out->cell = mem_grow(out->cell, b->cells_room, sizeof *out->cell);
    }
    out->cell[out->n++] = *cell;
    b->slot[at] = (uint32_t)out->n;
    return (uint32_t)out->n - 1;
}

/* Cells into their order; kind [votes], which holds numbers by first sight, follows. */
static void order(struct cells *out, uint32_t *kind)
{
    uint32_t *now = mem_new(out->n + 1, sizeof *now);

    for (size_t i = 0; i < out->n; i++)
        out->cell[i].row.wins = (double)i; /* carries the old number through the sort */
    qsort(out->cell, out->n, sizeof *out->cell, compare);
    for (size_t i = 0; i < out->n; i++)
        now[(size_t)out->cell[i].row.wins] = (uint32_t)i;
    for (size_t i = 0; i < out->votes; i++)
        kind[i] = now[kind[i] / CELLS_OUTCOMES] * CELLS_OUTCOMES + kind[i] % CELLS_OUTCOMES;
    free(now);
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* One group: its kinds, sorted. */
struct cells_span {
    const uint32_t *kind;
    size_t n;
};

/* Whose content is the same may stand either way round. */
static int by_content(const void *a, const void *b)
{
    const struct cells_span *p = a, *q = b;

    for (size_t i = 0; i < p->n && i < q->n; i++)
        if (p->kind[i] != q->kind[i])
            return p->kind[i] < q->kind[i] ? -1 : 1;
    return (p->n > q->n) - (p->n < q->n);
}

/* kind [votes] in the order of the rows becomes out->kind, group by group. */
static void gather(struct cells *out, const struct votes *votes, const uint32_t *kind,
                   enum cells_group by)
{
    const uint32_t named = by == GROUP_PROMPT ? votes->prompts : votes->judges;
    size_t *at = mem_new((size_t)named + out->votes + 2, sizeof *at), groups = named, n = 0;
    uint32_t *owner = mem_new(out->votes + 1, sizeof *owner);
    uint32_t *sorted = mem_new(out->votes + 1, sizeof *sorted);
    struct cells_span *group;

    for (size_t i = 0; i < out->votes; i++) {
        const uint32_t whose =
            by == GROUP_PROMPT ? votes->vote[i].prompt : votes->vote[i].judge;
        owner[i] = whose == VOTES_NONE ? (uint32_t)groups++ : whose;
        at[owner[i] + 1]++;
    }
    for (size_t g = 0; g < groups; g++)
        at[g + 1] += at[g];
    group = mem_new(groups + 1, sizeof *group);
    for (size_t g = 0; g < groups; g++)
        group[g] = (struct cells_span){sorted + at[g], at[g + 1] - at[g]};
    for (size_t i = 0; i < out->votes; i++)
        sorted[at[owner[i]]++] = kind[i];
    for (size_t g = 0; g < groups; g++)
        qsort((uint32_t *)(uintptr_t)group[g].kind, group[g].n, sizeof *sorted, ascending);
    qsort(group, groups, sizeof *group, by_content);
    out->kind = mem_new(out->votes + 1, sizeof *out->kind);
    out->begins = mem_new(groups + 1, sizeof *out->begins);
    for (size_t g = 0; g < groups; g++) { /* a prompt of rankings alone has no vote here */
        if (!group[g].n)
            continue;
        out->begins[out->groups++] = n;
        memcpy(out->kind + n, group[g].kind, group[g].n * sizeof *out->kind);
        n += group[g].n;
    }
    out->begins[out->groups] = n;
    free(at);
    free(owner);
    free(sorted);
    free(group);
}

/* Without groups the list of votes is not kept: the counts say all. */
enum err cells_build(struct cells *out, const struct votes *votes, const int *place,
                     enum cells_group by)
{
    struct cells_building b = {out, votes, place, NULL, 0, 0};
    uint32_t *kind;
    enum err err;

    memset(out, 0, sizeof *out);
    err = mem_big(&kind, votes->n + 1, sizeof *kind, "votes");
    if (err)
        return err;
    out->votes = votes->n;
    for (size_t i = 0; i < votes->n; i++) {
        int outcome;
        const struct votes_cell cell = as_cell(&b, i, &outcome);
        const uint32_t at = cell_of(&b, &cell);
        out->cell[at].count[outcome]++;
        kind[i] = at * CELLS_OUTCOMES + (uint32_t)outcome;
    }
    order(out, kind);
    if (by != GROUP_ROW)
        gather(out, votes, kind, by);
    for (size_t i = 0; i < out->n; i++) {
        struct votes_cell *c = &out->cell[i];
        c->row.wins = c->weight * c->count[PAIRED_FIRST];
        c->row.ties = c->weight * c->count[PAIRED_TIE];
        c->row.losses = c->weight * c->count[PAIRED_SECOND];
    }
    free(b.slot);
    free(kind);
    return OK;
}

void cells_fini(struct cells *cells)
{
    free(cells->cell);
    free(cells->kind);
    free(cells->begins);
    memset(cells, 0, sizeof *cells);
}

/* A weight is a count of votes to the likelihood; the sandwich knows that it is one vote. */
void cells_rows(struct bradley_row *row, const struct cells *cells, const uint32_t *count)
{
    for (size_t i = 0; i < cells->n; i++, count += CELLS_OUTCOMES) {
        const double weight = cells->cell[i].weight;
        row[i] = cells->cell[i].row;
        row[i].wins = weight * count[PAIRED_FIRST];
        row[i].ties = weight * count[PAIRED_TIE];
        row[i].losses = weight * count[PAIRED_SECOND];
    }
}
