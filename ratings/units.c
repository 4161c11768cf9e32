/* How: the rows lie by item and time, so the first `overlap` planned answers of an item are
 * the first that are met. Each item becomes a struct unit_key: its values sorted, by an order
 * of values that follows from how often each was said (of numbers, from the numbers; of pairs
 * it is fixed, and the unit is turned to the smaller of its two ways round). Units are sorted
 * within their cluster by these, clusters by their units; equal ones are alike in all that a
 * figure sees. Names break no tie but that of values that are said equally often in equally
 * many equally mixed items. */

#include "ratings/units.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const uint32_t units_mirror[CHOICES] = {CHOICE_B, CHOICE_A, CHOICE_TIE, CHOICE_BOTH_BAD};

struct unit_said {
    uint32_t rank; /* of the value, for sorting */
    uint32_t value, annotator;
};

struct unit_key {
    struct unit_said *said; /* [n] into one array */
    size_t n;
    uint32_t item, group;
    bool turned;
};

struct unit_group {
    const struct unit_key *key; /* [n] neighbours */
    size_t n;
};

/* How often a value is said, and in which company: what it is without its name. */
struct unit_value {
    double said, squares, mixed;
    uint32_t at;
};

static int by_use(const void *a, const void *b)
{
    const struct unit_value *x = a, *y = b;

    if (x->said < y->said || x->said > y->said)
        return x->said > y->said ? -1 : 1;
    if (x->squares < y->squares || x->squares > y->squares)
        return x->squares > y->squares ? -1 : 1;
    if (x->mixed < y->mixed || x->mixed > y->mixed)
        return x->mixed > y->mixed ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_rank(const void *a, const void *b)
{
    const struct unit_said *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->annotator < y->annotator ? -1 : x->annotator > y->annotator;
}

/* By size, then by values: annotators do not count, so that renaming them moves nothing. */
static int compare(const struct unit_key *x, const struct unit_key *y)
{
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    for (size_t i = 0; i < x->n; i++)
        if (x->said[i].rank != y->said[i].rank)
            return x->said[i].rank < y->said[i].rank ? -1 : 1;
    return 0;
}

/* The item breaks ties so that one sort of a set gives one order. */
static int by_content(const void *a, const void *b)
{
    const struct unit_key *x = a, *y = b;
    int order;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    order = compare(x, y);
    return order ? order : x->item < y->item ? -1 : x->item > y->item;
}

static int by_units(const void *a, const void *b)
{
    const struct unit_group *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    for (size_t i = 0; i < x->n; i++) {
        const int order = compare(&x->key[i], &y->key[i]);
        if (order)
            return order;
    }
    return x->key < y->key ? -1 : x->key > y->key;
}

/* What a strategy chose is no random item: it never counts among the planned. */
static bool belongs(const struct judgements_row *row, uint32_t strategy)
{
    return !row->undone &&
           (strategy == JUDGEMENTS_NONE ? row->why == WHY_PLAN
                                        : row->why == WHY_ACTIVE && row->strategy == strategy);
}

/* ---- from rows to keys */

struct unit_taking {
    const struct judgements *all;
    struct unit_said *said; /* [all->n] */
    struct unit_key *key;   /* [items] */
    size_t n, n_said;
    uint32_t *rank; /* [values] */
};

/* What the largest item has, where nobody says how many judgements each should have. */
static size_t overlap_of(const struct judgements *all, uint32_t strategy)
{
    size_t most = 0, here = 0;

    for (size_t i = 0; i < all->n; i++) {
        if (i && all->row[i].item != all->row[i - 1].item)
            here = 0;
        here += belongs(&all->row[i], strategy) && !all->row[i].skipped;
        most = here > most ? here : most;
    }
    return most;
}

/* Rows from..to of one item. */
static void take_item(struct units *out, struct unit_taking *t, size_t from, size_t to,
                      uint32_t strategy, size_t least)
{
    struct unit_key *key = &t->key[t->n];
    size_t asked = 0, answered = 0;

    *key = (struct unit_key){t->said + t->n_said, 0, t->all->row[from].item,
                             t->all->row[from].prompt, false};
    if (key->group == JUDGEMENTS_NONE)
        key->group = (uint32_t)t->all->prompt.n + key->item;
    for (size_t i = from; i < to; i++) {
        const struct judgements_row *row = &t->all->row[i];
        if (!belongs(row, strategy))
            continue;
        asked++;
        if (row->value == JUDGEMENTS_NONE) {
            out->open += !row->skipped;
        } else if (answered == out->overlap) {
            out->extra++;
        } else {
            answered++;
            key->said[key->n++] = (struct unit_said){0, row->value, row->annotator};
        }
    }
    out->asked += asked > 0;
    out->unfinished += asked && answered < out->overlap;
    if (key->n >= least && key->n) {
        out->judgements += key->n;
        t->n_said += key->n;
        t->n++;
    }
}

/* The order of values: numbers and choices have their own. */
static void rank_values(struct unit_taking *t, size_t values)
{
    struct unit_value *use;

    t->rank = mem_new(values + 1, sizeof *t->rank);
    for (uint32_t v = 0; v < values; v++)
        t->rank[v] = v;
    /* Words alone have no order but their names, which must not count. */
    if (t->all->level != JUDGEMENTS_NOMINAL)
        return;
    use = mem_new(values + 1, sizeof *use);
    for (uint32_t v = 0; v < values; v++)
        use[v].at = v;
    for (size_t u = 0; u < t->n; u++)
        for (size_t i = 0; i < t->key[u].n; i++) {
            double same = 0;
            for (size_t j = 0; j < t->key[u].n; j++)
                same += t->key[u].said[j].value == t->key[u].said[i].value;
            use[t->key[u].said[i].value].said++;
            use[t->key[u].said[i].value].squares += same;
            use[t->key[u].said[i].value].mixed += (double)t->key[u].n;
        }
    qsort(use, values, sizeof *use, by_use);
    for (uint32_t v = 0; v < values; v++)
        t->rank[use[v].at] = v;
    free(use);
}

/* Turned first: the rank is of the value as it will stand. */
static void sort_unit(const struct unit_taking *t, struct unit_key *key, bool turned)
{
    for (size_t i = 0; i < key->n; i++) {
        if (turned)
            key->said[i].value = units_mirror[key->said[i].value];
        key->said[i].rank = t->rank[key->said[i].value];
    }
    qsort(key->said, key->n, sizeof *key->said, by_rank);
}

/* Of two ways round the one with more of the first candidate. */
static void canonical(const struct unit_taking *t, struct unit_key *key)
{
    size_t count[CHOICES] = {0};

    for (size_t i = 0; i < key->n && t->all->level == JUDGEMENTS_PAIRS; i++)
        count[key->said[i].value]++;
    key->turned = count[CHOICE_B] > count[CHOICE_A];
    sort_unit(t, key, key->turned);
}

/* Clusters of equal content may change places: whatever is drawn of them is the same. Pointers
 * into the keys are taken behind the last sort of these. */
static struct unit_group *group(struct unit_taking *t, size_t *n)
{
    struct unit_group *all = mem_new(t->n + 1, sizeof *all);

    *n = 0;
    qsort(t->key, t->n, sizeof *t->key, by_content);
    for (size_t u = 0; u < t->n; u++) {
        if (!u || t->key[u].group != t->key[u - 1].group)
            all[(*n)++] = (struct unit_group){&t->key[u], 0};
        all[*n - 1].n++;
    }
    qsort(all, *n, sizeof *all, by_units);
    return all;
}

/* From here on units have numbers by content alone; names are only looked up to be told. */
static void lay_out(struct units *out, struct unit_taking *t)
{
    struct unit_group *groups = group(t, &out->clusters);
    size_t u = 0, at = 0;

    out->n = t->n;
    out->start = mem_new(t->n + 1, sizeof *out->start);
    out->item = mem_new(t->n + 1, sizeof *out->item);
    out->cluster = mem_new(t->n + 1, sizeof *out->cluster);
    out->turned = mem_new(t->n + 1, sizeof *out->turned);
    out->value = mem_new(t->n_said + 1, sizeof *out->value);
    out->annotator = mem_new(t->n_said + 1, sizeof *out->annotator);
    for (size_t g = 0; g < out->clusters; g++)
        for (size_t k = 0; k < groups[g].n; k++, u++) {
            const struct unit_key *key = &groups[g].key[k];
            out->start[u] = at;
            out->item[u] = key->item;
            out->turned[u] = key->turned;
            out->cluster[u] = (uint32_t)g;
            for (size_t i = 0; i < key->n; i++, at++) {
                out->value[at] = key->said[i].value;
                out->annotator[at] = key->said[i].annotator;
            }
        }
    out->start[u] = at;
    free(groups);
}

void units_take(struct units *out, const struct judgements *all, uint32_t strategy,
                size_t overlap, size_t least)
{
    struct unit_taking t = {.all = all,
                            .said = mem_new(all->n + 1, sizeof *t.said),
                            .key = mem_new(all->item.n + 1, sizeof *t.key)};

    *out = (struct units){.values = all->level == JUDGEMENTS_PAIRS ? CHOICES : all->value.n,
                          .overlap = overlap ? overlap : overlap_of(all, strategy)};
    for (size_t from = 0, to; from < all->n; from = to) {
        to = from + 1;
        while (to < all->n && all->row[to].item == all->row[from].item)
            to++;
        take_item(out, &t, from, to, strategy, least);
    }
    rank_values(&t, out->values);
    for (size_t u = 0; u < t.n; u++)
        canonical(&t, &t.key[u]);
    lay_out(out, &t);
    free(t.rank);
    free(t.said);
    free(t.key);
}

void units_fini(struct units *units)
{
    free(units->start);
    free(units->value);
    free(units->annotator);
    free(units->item);
    free(units->cluster);
    free(units->turned);
    memset(units, 0, sizeof *units);
}
