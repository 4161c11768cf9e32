/* Writes a token where products look for it, and calls the product for how it lies: isa->panel or
 * isa->pairs, which give the same chains. A key is a column and a value a row, so that both products
 * read what lies dense. Tokens of one block may be put by several threads: each writes memory of its own,
 * which is why a half of a pair is never written with its neighbour. cache.c and activations.c
 * put, attention.c multiplies. */

#include "lm/kernel/kv_block.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { TOKENS = KV_BLOCK_TOKENS, PANEL = PAIRS_PANEL, BLOCK = PAIRS_PANEL * PAIRS_DEPTH };
_Static_assert((int)TOKENS == (int)PAIRS_DEPTH && (int)TOKENS == (int)PAIRS_PANEL,
               "tokens are the columns of one panel, or the depth of one block");

static size_t up(int n, int to)
{
    return (size_t)(n + to - 1) / (size_t)to * (size_t)to;
}

size_t kv_block_columns(const struct kv_block_form *form)
{
    return up(form->head_dim, 16);
}

size_t kv_block_count(int length)
{
    return up(length, TOKENS) / TOKENS;
}

/* Of the keys alone. */
static size_t keys_size(const struct kv_block_form *form)
{
    return form->pairs ? pairs_size(PANEL, form->head_dim) * sizeof(uint16_t)
                       : (size_t)form->head_dim * TOKENS * sizeof(float);
}

size_t kv_block_size(const struct kv_block_form *form)
{
    const size_t values = form->pairs ? pairs_size(form->head_dim, TOKENS) * sizeof(uint16_t)
                                      : TOKENS * kv_block_columns(form) * sizeof(float);

    return keys_size(form) + values;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* In each 32 of the depth, pair 8 h + i is of depth 4 i + 2 + h, which comes first, and 4 i + h. */
static void put_key_pairs(uint32_t *keys, int t, const float *key, int dim)
{
    uint32_t lost = 0;

    for (int d = 0; d < dim; d += PAIRS_DEPTH)
        for (int row = 0; row < 16; row++) {
            const int at = d + 4 * (row % 8) + row / 8;
            const uint32_t upper = at < dim ? bits_of(key[at]) : 0;
            const uint32_t lower = at + 2 < dim ? bits_of(key[at + 2]) : 0;

            lost |= upper | lower;
            keys[(d / 2 + row) * PANEL + t] = (upper & 0xFFFF0000u) | lower >> 16;
        }
    assert((lost & 0xFFFFu) == 0);
}

/* Token t is the depth of these panels: its row of pairs, and which half of each, follow from t alone. */
static void put_value_pairs(uint16_t *values, int t, const float *value, int dim)
{
    const int row = 8 * (t % 2) + t / 4, half = t % 4 < 2;
    uint32_t lost = 0;

    for (int d = 0; d < dim; d += PANEL, values += BLOCK) {
        uint16_t *to = values + row * 2 * PANEL + half;
        const int some = dim - d < PANEL ? dim - d : PANEL;

        for (int j = 0; j < some; j++) {
            const uint32_t bits = bits_of(value[d + j]);

            lost |= bits;
            to[2 * j] = (uint16_t)(bits >> 16);
        }
    }
    assert((lost & 0xFFFFu) == 0);
}

void kv_block_put(const struct kv_block_form *form, void *block, int t, const float *key,
                  const float *value)
{
    const int dim = form->head_dim;
    void *values = (char *)block + keys_size(form);
    float *keys = block;

    if (form->pairs) {
        put_key_pairs(block, t, key, dim);
        put_value_pairs(values, t, value, dim);
        return;
    }
    for (int d = 0; d < dim; d++)
        keys[d * TOKENS + t] = key[d];
    memcpy((float *)values + (size_t)t * kv_block_columns(form), value,
           (size_t)dim * sizeof *value);
}

void kv_block_scores(const struct kv_block_form *form, const void *block, float *p, size_t ldp,
                     const float *q, int m)
{
    const struct isa *isa = isa_current();
    const int dim = form->head_dim;

    if (form->pairs)
        isa->pairs(p, ldp, q, (size_t)dim, block, m, TOKENS, dim, false);
    else
        isa->panel(p, ldp, q, (size_t)dim, block, TOKENS, m, TOKENS, dim, false);
}

void kv_block_values(const struct kv_block_form *form, const void *block, float *out,
                     const float *p, size_t ldp, int m, int n, bool add)
{
    const struct isa *isa = isa_current();
    const void *values = (const char *)block + keys_size(form);
    const size_t columns = kv_block_columns(form);

    for (size_t d = 0; d < columns; d += PANEL) {
        const int wide = columns - d < PANEL ? 16 : PANEL;

        if (form->pairs)
            isa->pairs(out + d, columns, p, ldp, (const uint16_t *)values + d / PANEL * BLOCK,
                       m, wide, n, add);
        else
            isa->panel(out + d, columns, p, ldp, (const float *)values + d, columns, m, wide, n,
                       add);
    }
}
