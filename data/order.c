/* How it works: an epoch's order is a pure function of (seed, epoch, n), so a resumed run
 * goes on in the very order it was in. group_by_length is Hugging Face's: shuffled first,
 * then sorted within blocks of up to fifty batches, so that batches are of similar length and
 * still differ from epoch to epoch; the longest of all comes first. */
#include "data/order.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

/* By the words of the trainers' key. */
enum err order_named(enum order *out, const char *name)
{
    static const char *const names[] = {"random", "sequential", "group_by_length"};

    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum order)i;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "train_sampling_strategy: '%s': expected random, sequential or "
                   "group_by_length",
                   name);
}

/* A row in a block: its length, and where it stood. */
struct order_key {
    uint32_t length, at, row;
};

/* Of equals the one drawn earlier: qsort alone would not say. */
static int longer_first(const void *a, const void *b)
{
    const struct order_key *x = a, *y = b;

    if (x->length != y->length)
        return x->length < y->length ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* A block is a quarter of the rows or fifty batches, whichever is less; batches stay whole. */
static void by_length(uint32_t *order, size_t n, const uint32_t *length, size_t batch)
{
    size_t mega = n / (batch * 4), first = 0;
    struct order_key *block;

    mega = mega < 1 ? 1 : mega > 50 ? 50 : mega;
    mega *= batch;
    block = mem_new(mega, sizeof(*block));
    for (size_t from = 0; from < n; from += mega) {
        const size_t count = n - from < mega ? n - from : mega;
        for (size_t i = 0; i < count; i++)
            block[i] =
                (struct order_key){length[order[from + i]], (uint32_t)i, order[from + i]};
        qsort(block, count, sizeof(*block), longer_first);
        for (size_t i = 0; i < count; i++)
            order[from + i] = block[i].row;
        if (length[order[from]] > length[order[first]])
            first = from;
    }
    free(block);
    const uint32_t longest = order[first]; /* what will not fit fails at once */
    order[first] = order[0];
    order[0] = longest;
}

void order_epoch(uint32_t *order, size_t n, enum order kind, const uint32_t *length,
                 size_t batch, uint64_t seed, uint64_t epoch)
{
    if (kind == ORDER_SEQUENTIAL) {
        for (size_t i = 0; i < n; i++)
            order[i] = (uint32_t)i;
        return;
    }
    rng_shuffle(order, n, seed, RNG_ORDER, epoch);
    if (kind == ORDER_BY_LENGTH && n)
        by_length(order, n, length, batch);
}
