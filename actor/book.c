#include "actor/book.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct book {
    struct entry *entry;
    uint32_t n, room;
    struct claim *claim;
    uint64_t *lease;
};

void book_new(struct book **out)
{
    *out = mem_new(1, sizeof **out);
}

void book_rollout_free(struct rollout *rollout)
{
    if (!rollout)
        return;
    free((void *)(uintptr_t)rollout->token);
    free((void *)(uintptr_t)rollout->logprob);
    free((void *)(uintptr_t)rollout->span);
    free((void *)(uintptr_t)rollout->text);
    free(rollout);
}

void book_clear(struct book *book)
{
    for (uint32_t i = 0; i < book->n; i++)
        book_rollout_free(book->entry[i].rollout);
    book->n = 0;
}

void book_free(struct book *book)
{
    if (!book)
        return;
    book_clear(book);
    free(book->entry);
    free(book->claim);
    free(book->lease);
    free(book);
}

struct entry *book_find(struct book *book, uint64_t task, uint32_t sample)
{
    for (uint32_t i = 0; i < book->n; i++)
        if (book->entry[i].task == task && book->entry[i].sample == sample)
            return &book->entry[i];
    return NULL;
}

bool book_add(struct book *book, uint64_t task, uint32_t sample, uint64_t lease, bool text)
{
    if (book_find(book, task, sample))
        return false;
    if (book->n == book->room) {
        book->room = book->room ? 2 * book->room : 64;
        book->entry = mem_grow(book->entry, book->room, sizeof *book->entry);
    }
    book->entry[book->n++] =
        (struct entry){.task = task, .lease = lease, .sample = sample, .text = text};
    return true;
}

static void remove_at(struct book *book, uint32_t i)
{
    book_rollout_free(book->entry[i].rollout);
    book->entry[i] = book->entry[--book->n];
}

void book_remove(struct book *book, uint64_t task, uint32_t sample)
{
    const struct entry *e = book_find(book, task, sample);

    if (e)
        remove_at(book, (uint32_t)(e - book->entry));
}

struct entry *book_list(struct book *book, uint32_t *n)
{
    *n = book->n;
    return book->entry;
}

static bool is_settled(const struct settled *s, uint64_t task, uint32_t sample)
{
    if (task < s->watermark)
        return true;
    for (uint32_t i = 0; i < s->n_range; i++)
        if (s->range[i].task == task && sample >= s->range[i].first &&
            sample - s->range[i].first < s->range[i].count)
            return true;
    return false;
}

uint32_t book_settle(struct book *book, const struct settled *settled,
                     void (*dropped)(void *self, uint64_t task, uint32_t sample), void *self)
{
    uint32_t forgot = 0;

    for (uint32_t i = 0; i < book->n;) {
        const struct entry e = book->entry[i];
        if (!is_settled(settled, e.task, e.sample)) {
            i++;
            continue;
        }
        if (!e.rollout)
            dropped(self, e.task, e.sample);
        remove_at(book, i);
        forgot++;
    }
    return forgot;
}

uint32_t book_done(const struct book *book)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < book->n; i++)
        done += book->entry[i].rollout != NULL;
    return done;
}

uint32_t book_running(const struct book *book)
{
    return book->n - book_done(book);
}

const struct claim *book_claims(struct book *book, uint32_t *n)
{
    book->claim = mem_grow(book->claim, book->n, sizeof *book->claim);
    for (uint32_t i = 0; i < book->n; i++) {
        const struct entry *e = &book->entry[i];
        book->claim[i] = (struct claim){.task = e->task,
                                        .sample = e->sample,
                                        .state = e->rollout ? CLAIM_DONE : CLAIM_RUNNING};
        if (e->rollout)
            book->claim[i].hash = e->rollout->hash;
    }
    *n = book->n;
    return book->claim;
}

static int rising(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

const uint64_t *book_leases(struct book *book, uint32_t *n)
{
    uint32_t kept = 0;

    book->lease = mem_grow(book->lease, book->n, sizeof *book->lease);
    for (uint32_t i = 0; i < book->n; i++)
        book->lease[i] = book->entry[i].lease;
    if (book->n)
        qsort(book->lease, book->n, sizeof *book->lease, rising);
    for (uint32_t i = 0; i < book->n; i++)
        if (!i || book->lease[i] != book->lease[i - 1])
            book->lease[kept++] = book->lease[i];
    *n = kept;
    return book->lease;
}

size_t book_bytes(const struct book *book)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < book->n; i++) {
        const struct rollout *r = book->entry[i].rollout;
        if (r)
            bytes += sizeof *r + r->n_token * 8u + (r->text ? strlen(r->text) : 0);
    }
    return bytes;
}
