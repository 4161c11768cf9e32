/* The bytes that are hashed are put together in one buffer, exactly as docs/PROTOCOL.md §1.2
 * lists them: any peer in any language must come to the same name. */

#include "proto/digest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct digest_text { /* bytes that grow */
    uint8_t *byte;
    size_t n, room;
};

/* What it will be, known before: an answer is taken at once, not in steps that double. */
static void reserve(struct digest_text *text, size_t n)
{
    text->byte = mem_grow(NULL, n, 1);
    text->room = n;
}

static void add(struct digest_text *text, const void *bytes, size_t n)
{
    if (!n)
        return;
    if (n > text->room - text->n) {
        text->room = 2 * text->room + n;
        text->byte = mem_grow(text->byte, text->room, 1);
    }
    memcpy(text->byte + text->n, bytes, n);
    text->n += n;
}

static void add_u32(struct digest_text *text, uint32_t value)
{
    add(text, &value, sizeof value);
}

static void add_text(struct digest_text *text, const char *words)
{
    const size_t n = words ? strlen(words) : 0;

    add_u32(text, (uint32_t)n);
    add(text, words, n);
}

static struct hash name(struct digest_text *text)
{
    const struct hash hash = hash_chunk(text->byte, text->n);

    free(text->byte);
    return hash;
}

struct hash digest_rollout(const struct rollout *r)
{
    struct digest_text text = {0};

    reserve(&text, 12 + r->n_token * (sizeof *r->token + sizeof *r->logprob) + r->n_mask +
                       r->n_span * (12 + (size_t)HASH_BYTES));
    add_u32(&text, r->n_token);
    add(&text, r->token, r->n_token * sizeof *r->token);
    add(&text, r->logprob, r->n_token * sizeof *r->logprob);
    add_u32(&text, r->n_span);
    for (uint32_t i = 0; i < r->n_span; i++) {
        add_u32(&text, r->span[i].start);
        add(&text, &r->span[i].version.number, sizeof r->span[i].version.number);
        add(&text, r->span[i].version.hash.byte, HASH_BYTES);
    }
    add_u32(&text, r->n_mask);
    add(&text, r->mask, r->n_mask);
    return name(&text);
}

struct hash digest_scorer(const struct scorer *s)
{
    struct digest_text text = {0};

    add_text(&text, s->name);
    add_u32(&text, s->kind);
    add_u32(&text, s->unit);
    add_u32(&text,
            (uint32_t)s->pure | (uint32_t)s->needs_text << 1 | (uint32_t)s->per_token << 2);
    add(&text, s->card.byte, HASH_BYTES);
    add(&text, s->image.byte, HASH_BYTES);
    add_text(&text, s->spec);
    return name(&text);
}

struct id digest_pair(const struct id *run, const struct msg_export *pair)
{
    struct digest_text text = {0};
    struct hash hash;
    struct id id;

    add(&text, run->byte, ID_BYTES);
    add(&text, &pair->task, sizeof pair->task);
    add_u32(&text, pair->a.sample);
    add_u32(&text, pair->b.sample);
    add(&text, pair->a.hash.byte, HASH_BYTES);
    add(&text, pair->b.hash.byte, HASH_BYTES);
    hash = name(&text);
    memcpy(id.byte, hash.byte, ID_BYTES);
    return id;
}
