/* Blocks in a list, the newest first; taking is an addition. A reset keeps one block up to
 * KEEP bytes, so that the usual message costs no allocation, and frees the rest, so that one
 * large message does not cost memory for ever. The limit is over all blocks: what a peer sends
 * cannot exceed it. */

#include "proto/arena.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10, ALIGN = 16, KEEP = 8 << 20 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t memory[];
};

struct arena {
    struct arena_block *block; /* the newest; the one that is filled */
    size_t used, limit;
};

void arena_new(struct arena **out, size_t limit)
{
    *out = mem_new(1, sizeof **out);
    (*out)->limit = limit;
}

static void drop(struct arena *arena)
{
    while (arena->block) {
        struct arena_block *const next = arena->block->next;
        free(arena->block);
        arena->block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    drop(arena);
    free(arena);
}

static enum err add(struct arena *arena, size_t size)
{
    struct arena_block *const block = malloc(sizeof *block + size);

    if (!block)
        return err_set(ERR_NOMEM, "%zu bytes for a message", size);
    block->next = arena->block;
    block->used = 0;
    block->size = size;
    arena->block = block;
    return OK;
}

enum err arena_take(struct arena *arena, void *out, size_t n, size_t size)
{
    size_t bytes;
    uint8_t *memory;

    if (n > arena->limit / (size ? size : 1))
        return err_set(ERR_RANGE, "message needs more than %zu bytes", arena->limit);
    bytes = (n * size + ALIGN - 1) / ALIGN * ALIGN + ALIGN; /* a guard: none is one thing */
    if (bytes > arena->limit - arena->used)
        return err_set(ERR_RANGE, "message needs more than %zu bytes", arena->limit);
    if (!arena->block || bytes > arena->block->size - arena->block->used) {
        const enum err err = add(arena, bytes > BLOCK ? bytes : (size_t)BLOCK);
        if (err)
            return err;
    }
    memory = (uint8_t *)arena->block->memory + arena->block->used;
    arena->block->used += bytes;
    arena->used += bytes;
    memset(memory, 0, bytes);
    memcpy(out, &memory, sizeof memory);
    return OK;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *const only = arena->block;

    if (only && !only->next && only->size <= KEEP) {
        only->used = 0;
    } else {
        drop(arena);
    }
    arena->used = 0;
}
