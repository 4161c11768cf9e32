/* The trainer changes its weights in place, and actors read a version for as long as they like: so
 * a version is a copy, in pages that can be handed to another process. All threads copy and hash
 * it chunk by chunk, while nothing else is computed; the hash of the hashes names it. An adapter is
 * some hundredths of that: it is copied always, and hashed only when somebody asks for it. */

#include "learner/train/snapshot.h"

#include "base/mem.h"
#include "lm/model/golden.h"
#include "lm/model/lora_image.h"
#include "proto/blob.h"

#include <stdlib.h>
#include <string.h>

void snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    shared_memory_free(s->image);
    shared_memory_free(s->adapter);
    free(s->digest);
    free(s);
}

enum err snapshot_new(struct snapshot **out, const void *from, size_t n, uint64_t number)
{
    const size_t chunks = blob_chunks(n);
    struct snapshot *s = mem_new(1, sizeof *s);
    enum err err = shared_memory_new(&s->image, n, "a version's weights");

    *out = NULL;
    s->digest = mem_new(chunks, sizeof *s->digest);
#pragma omp parallel for schedule(static) if (!err)
    for (size_t i = 0; i < (err ? 0 : chunks); i++) {
        const size_t at = i * HASH_CHUNK, left = n - at;
        const size_t bytes = left < HASH_CHUNK ? left : HASH_CHUNK;
        uint8_t *to = (uint8_t *)shared_memory_bytes(s->image) + at;
        memcpy(to, (const uint8_t *)from + at, bytes);
        s->digest[i] = hash_chunk(to, bytes);
    }
    if (!err)
        err = shared_memory_seal(s->image);
    s->version = (struct version){number, hash_join(s->digest, chunks)};
    if (err)
        snapshot_free(s);
    else
        *out = s;
    return err;
}

/* Words of `bytes` bytes that differ. */
static size_t others(const uint8_t *a, const uint8_t *b, size_t bytes, bool halves)
{
    size_t n = 0;

    for (size_t at = 0; halves && at + 2 <= bytes; at += 2) {
        uint16_t x, y;
        memcpy(&x, a + at, sizeof x);
        memcpy(&y, b + at, sizeof y);
        n += x != y;
    }
    for (size_t at = 0; !halves && at + 4 <= bytes; at += 4) {
        uint32_t x, y;
        memcpy(&x, a + at, sizeof x);
        memcpy(&y, b + at, sizeof y);
        n += x != y;
    }
    return n;
}

double snapshot_changed(const struct snapshot *s, const struct shared_memory *before,
                        bool halves)
{
    const uint8_t *const was = shared_memory_bytes(before), *const is =
                                                                shared_memory_bytes(s->image);
    const size_t bytes = shared_memory_size(s->image), chunks = blob_chunks(bytes);
    size_t n = 0;

#pragma omp parallel for schedule(static) reduction(+ : n)
    for (size_t i = 0; i < chunks; i++) {
        const size_t at = i * HASH_CHUNK, left = bytes - at;
        n += others(was + at, is + at, left < HASH_CHUNK ? left : (size_t)HASH_CHUNK, halves);
    }
    return bytes ? (double)n * (halves ? 2 : 4) / (double)bytes : 0;
}

enum err snapshot_golden(struct snapshot *s, const struct shape *shape)
{
    const struct shape answers = shape_answers(shape); /* who answers says what it computes */
    struct model *model = NULL;
    const enum err err = model_new(&model, &answers, shared_memory_bytes(s->image),
                                   shared_memory_size(s->image));

    if (!err)
        s->golden = golden_number(model);
    model_free(model);
    return err;
}

enum err snapshot_adapter(struct snapshot *s, const struct lora *lora)
{
    enum err err = shared_memory_new(&s->adapter, lora_image_size(lora), "a version's adapter");

    if (err)
        return err;
    lora_image_write(lora, shared_memory_bytes(s->adapter));
    return shared_memory_seal(s->adapter);
}
