/* How it works: a word is a linked list of symbols; each neighbouring pair that some merge
 * knows stands in a heap by (rank, place). The top is merged into its left symbol, and the two
 * new neighbourhoods are pushed. What is in the heap may be out of date, since a neighbour may
 * have been merged meanwhile: a popped candidate counts only if the pair that stands there now
 * is still its own. Merges are looked up by (left, right) in a table with open addressing whose
 * hash spreads two ids over 64 bits.
 *
 * The order is what makes the result: the lowest rank first, and of equal ones the leftmost, as
 * in Hugging Face's word.rs. bpe_work holds the memory, so that a text costs no allocations. */

#include "lm/text/bpe.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bpe_merge {
    int left, right, made;
};

struct bpe {
    struct bpe_merge *merge; /* by rank */
    size_t count, cap;
    uint32_t *slot; /* [slots] open addressing: rank + 1, 0 is free */
    size_t slots;
};

/* A symbol of the word; one of length 0 was merged into its left neighbour. */
struct bpe_symbol {
    int id;
    int prev, next; /* -1: none */
    bool gone;
};

struct bpe_candidate {
    uint32_t rank;
    int at, made;
};

struct bpe_work {
    struct bpe_symbol *symbol;
    size_t symbols; /* room */
    struct bpe_candidate *heap;
    size_t heaps, used; /* room, entries */
};

struct bpe *bpe_new(void)
{
    struct bpe *bpe = mem_new(1, sizeof *bpe);

    bpe->slots = 1024;
    bpe->slot = mem_new(bpe->slots, sizeof *bpe->slot);
    return bpe;
}

void bpe_free(struct bpe *bpe)
{
    if (!bpe)
        return;
    free(bpe->merge);
    free(bpe->slot);
    free(bpe);
}

/* The slot of a pair: taken by it, or free. Never full, so the search ends. */
static size_t probe(const struct bpe *bpe, int left, int right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t i;

    h ^= h >> 32;
    for (i = h & (bpe->slots - 1); bpe->slot[i]; i = (i + 1) & (bpe->slots - 1)) {
        const struct bpe_merge *merge = &bpe->merge[bpe->slot[i] - 1];

        if (merge->left == left && merge->right == right)
            break;
    }
    return i;
}

/* Ranks are in order, so a pair that was added twice ends with its later rank, as it had. */
static void rehash(struct bpe *bpe)
{
    free(bpe->slot);
    bpe->slots *= 2;
    bpe->slot = mem_new(bpe->slots, sizeof *bpe->slot);
    for (size_t rank = 0; rank < bpe->count; rank++)
        bpe->slot[probe(bpe, bpe->merge[rank].left, bpe->merge[rank].right)] =
            (uint32_t)rank + 1;
}

enum err bpe_add(struct bpe *bpe, int left, int right, int made)
{
    if (bpe->count >= BPE_MERGES_MAX)
        return err_set(ERR_RANGE, "more than %d merges", BPE_MERGES_MAX);
    if (bpe->count == bpe->cap) {
        bpe->cap = bpe->cap ? 2 * bpe->cap : 512;
        bpe->merge = mem_grow(bpe->merge, bpe->cap, sizeof *bpe->merge);
    }
    bpe->merge[bpe->count] = (struct bpe_merge){left, right, made};
    /* A pair that is there already takes the new rank: the slot is the same. */
    bpe->slot[probe(bpe, left, right)] = (uint32_t)++bpe->count;
    if (bpe->count > bpe->slots / 2)
        rehash(bpe);
    return OK;
}

size_t bpe_count(const struct bpe *bpe)
{
    return bpe->count;
}

void bpe_pair(const struct bpe *bpe, size_t rank, int *left, int *right)
{
    *left = bpe->merge[rank].left;
    *right = bpe->merge[rank].right;
}

struct bpe_work *bpe_work_new(void)
{
    return mem_new(1, sizeof(struct bpe_work));
}

void bpe_work_free(struct bpe_work *work)
{
    if (!work)
        return;
    free(work->symbol);
    free(work->heap);
    free(work);
}

/* Places do not change when symbols merge (the left one keeps its own), so the order is total
 * and does not depend on when a pair was queued. */
static bool before(const struct bpe_candidate *a, const struct bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

/* Queues the pair that starts at `at`, if it is a merge. */
static void push(const struct bpe *bpe, struct bpe_work *work, int at)
{
    const struct bpe_symbol *left = &work->symbol[at];
    struct bpe_candidate candidate;
    uint32_t slot;
    size_t i;

    if (left->next < 0)
        return;
    slot = bpe->slot[probe(bpe, left->id, work->symbol[left->next].id)];
    if (!slot)
        return;
    candidate = (struct bpe_candidate){slot - 1, at, bpe->merge[slot - 1].made};
    if (work->used == work->heaps) {
        work->heaps = work->heaps ? 2 * work->heaps : 64;
        work->heap = mem_grow(work->heap, work->heaps, sizeof *work->heap);
    }
    /* A hole moves up, so each entry is written once. */
    for (i = work->used++; i && before(&candidate, &work->heap[(i - 1) / 2]); i = (i - 1) / 2)
        work->heap[i] = work->heap[(i - 1) / 2];
    work->heap[i] = candidate;
}

static struct bpe_candidate pop(struct bpe_work *work)
{
    /* The last entry sinks from the top to where it belongs; as in push, a hole is what
     * moves. */
    const struct bpe_candidate top = work->heap[0], last = work->heap[--work->used];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < work->used) {
        if (child + 1 < work->used && before(&work->heap[child + 1], &work->heap[child]))
            child++;
        if (!before(&work->heap[child], &last))
            break;
        work->heap[i] = work->heap[child];
        i = child;
    }
    work->heap[i] = last;
    return top;
}

/* All pairs of the word go in first; from then on only new neighbours do. */
static void start(const struct bpe *bpe, struct bpe_work *work, const int *ids, size_t n)
{
    if (n > work->symbols) {
        work->symbols = n + n / 2;
        work->symbol = mem_grow(work->symbol, work->symbols, sizeof *work->symbol);
    }
    for (size_t i = 0; i < n; i++)
        work->symbol[i] =
            (struct bpe_symbol){ids[i], (int)i - 1, i + 1 < n ? (int)i + 1 : -1, false};
    work->used = 0;
    for (size_t i = 0; i + 1 < n; i++)
        push(bpe, work, (int)i);
}

size_t bpe_run(const struct bpe *bpe, struct bpe_work *work, int *ids, size_t n)
{
    size_t left = 0;

    if (n < 2)
        return n;
    start(bpe, work, ids, n);
    while (work->used) {
        const struct bpe_candidate top = pop(work);
        struct bpe_symbol *a = &work->symbol[top.at], *b;
        uint32_t slot;

        if (a->gone || a->next < 0)
            continue;
        b = &work->symbol[a->next];
        slot = bpe->slot[probe(bpe, a->id, b->id)];
        if (!slot || bpe->merge[slot - 1].made != top.made)
            continue; /* queued for a pair that is no longer there */
        a->id = top.made;
        a->next = b->next;
        b->gone = true;
        if (b->next >= 0)
            work->symbol[b->next].prev = top.at;
        /* The two pairs that are new; those that are gone stay queued and are passed over
         * above. */
        if (a->prev >= 0)
            push(bpe, work, a->prev);
        push(bpe, work, top.at);
    }
    for (int i = 0; i >= 0; i = work->symbol[i].next)
        ids[left++] = work->symbol[i].id;
    return left;
}
