/* Open rows wait in queues by the room that they have left, the oldest first; a record takes
 * the first of the fullest queue that has room for it. Equal records keep their order, so the
 * rows are those of TRL 1.16's pack_dataset, one by one. Where records are divided, they were
 * appended whole and are taken back and appended again in pieces. */
#include "learner/corpus/corpus_bins.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct bins_piece {
    uint32_t length, record;
};

static int by_length(const void *left, const void *right)
{
    const struct bins_piece *a = left, *b = right;

    if (a->length != b->length)
        return a->length < b->length ? 1 : -1;
    return a->record < b->record ? -1 : a->record > b->record;
}

/* Rows in the making. */
struct bins_shelf {
    int *first, *last; /* [max_length+1] of the queue of rows with so much room; -1: empty */
    int *next;         /* [rows] behind it in its queue */
    int rows, limit;
};

static void wait_with(struct bins_shelf *s, int row, int room)
{
    s->next[row] = -1;
    if (s->first[room] < 0)
        s->first[room] = row;
    else
        s->next[s->last[room]] = row;
    s->last[room] = row;
}

/* The row that a record of `length` goes to. */
static int place(struct bins_shelf *s, int length)
{
    int room = length, row;

    while (room < s->limit && s->first[room] < 0)
        room++;
    if (room == s->limit) {
        row = s->rows++;
    } else {
        row = s->first[room];
        s->first[room] = s->next[row];
    }
    wait_with(s, row, room - length);
    return row;
}

/* Adds `rows` rows: piece k lies in row[k]. */
static void keep(struct corpus *c, const struct bins_piece *piece, const int *row, size_t n,
                 size_t rows)
{
    struct corpus_rows *r = &c->rows;
    const size_t before = r->n, held = before ? r->at[before] : 0;
    size_t *fill = mem_new(rows + 1, sizeof(*fill));

    r->at = mem_grow(r->at, before + rows + 1, sizeof(*r->at));
    r->length = mem_grow(r->length, before + rows, sizeof(*r->length));
    r->record = mem_grow(r->record, held + n, sizeof(*r->record));
    r->n += rows;
    memset(r->length + before, 0, rows * sizeof(*r->length));
    for (size_t k = 0; k < n; k++)
        fill[row[k] + 1]++;
    r->at[before] = held;
    for (size_t i = 0; i < rows; i++) {
        fill[i + 1] += fill[i];
        r->at[before + i + 1] = held + fill[i + 1];
    }
    for (size_t k = 0; k < n; k++) {
        r->record[held + fill[row[k]]++] = piece[k].record;
        r->length[before + (size_t)row[k]] += piece[k].length;
    }
    free(fill);
}

static void fit(struct corpus *c, size_t from, int limit)
{
    const size_t n = c->n - from;
    struct bins_piece *piece = mem_new(n + 1, sizeof(*piece));
    int *row = mem_new(n + 1, sizeof(*row));
    struct bins_shelf shelf = {.first = mem_new((size_t)limit + 1, sizeof(int)),
                               .last = mem_new((size_t)limit + 1, sizeof(int)),
                               .next = mem_new(n + 1, sizeof(int)),
                               .limit = limit};

    for (int i = 0; i <= limit; i++)
        shelf.first[i] = -1;
    for (size_t i = 0; i < n; i++)
        piece[i] = (struct bins_piece){c->length[from + i], (uint32_t)(from + i)};
    /* Longest first: what is small fills the gaps. */
    qsort(piece, n, sizeof(*piece), by_length);
    for (size_t i = 0; i < n; i++)
        row[i] = place(&shelf, (int)piece[i].length);
    keep(c, piece, row, n, (size_t)shelf.rows);
    free(shelf.first);
    free(shelf.last);
    free(shelf.next);
    free(piece);
    free(row);
}

/* Appends tokens [0, n) in pieces. */
static enum err put(struct corpus *c, const int *ids, const uint8_t *learn, size_t n,
                    size_t limit)
{
    enum err err = OK;

    for (size_t at = 0; at < n && !err; at += limit) {
        err = corpus_append(c, 0, ids + at, n - at < limit ? n - at : limit, learn + at, false);
        if (!err)
            corpus_close(c);
    }
    return err;
}

/* The records from `from` on, each or all as one divided at `limit`. */
static enum err divide(struct corpus *c, size_t from, size_t limit, bool together)
{
    const size_t first = c->seq[from], n = c->n - from, tokens = c->seq[c->n] - first;
    int *ids = mem_new(tokens + 1, sizeof(*ids));
    uint8_t *learn = mem_new(tokens + 1, 1);
    size_t *start = mem_new(n + 1, sizeof(*start));
    enum err err = OK;

    /* Copied out first: the corpus is rewound to `from`, and the pieces are appended over
     * what stood there. */
    memcpy(ids, c->token + first, tokens * sizeof(*ids));
    memcpy(learn, c->learn + first, tokens);
    for (size_t i = 0; i <= n; i++)
        start[i] = c->seq[from + i] - first;
    c->n = from;
    if (together)
        err = put(c, ids, learn, tokens, limit);
    for (size_t i = 0; i < n && !together && !err; i++)
        err = put(c, ids + start[i], learn + start[i], start[i + 1] - start[i], limit);
    free(ids);
    free(learn);
    free(start);
    return err;
}

/* `wrapped` has divided everything into full rows already: there is nothing left to fit. */
enum err corpus_bins_close(struct corpus *c, size_t from, const struct corpus_rule *rule)
{
    const size_t limit = (size_t)rule->max_length;
    enum err err = OK;

    if (rule->packing == CORPUS_PLAIN || c->n == from)
        return OK;
    if (rule->packing != CORPUS_BFD)
        err = divide(c, from, limit, rule->packing == CORPUS_WRAPPED);
    if (!err && rule->packing != CORPUS_WRAPPED)
        fit(c, from, rule->max_length);
    return err;
}

size_t corpus_bins_rows(const struct corpus *c)
{
    return c->rows.n ? c->rows.n : c->n;
}

const uint32_t *corpus_bins_length(const struct corpus *c)
{
    return c->rows.n ? c->rows.length : c->length;
}

/* Without packing a row is a record, and its number is the record's. */
size_t corpus_bins_take(const struct corpus *c, const uint32_t *row, size_t n, uint32_t *record)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const size_t from = c->rows.n ? c->rows.at[row[i]] : 0;
        const size_t to = c->rows.n ? c->rows.at[row[i] + 1] : 1;
        for (size_t k = from; k < to; k++)
            record[count++] = c->rows.n ? c->rows.record[k] : row[i];
    }
    return count;
}
