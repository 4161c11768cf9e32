/* The image's blocks are made by all threads, each block with its digest, so that the name of the
 * whole is known when it is there. It is compared with the one that the learner announced: what a
 * patch or an adapter says is not believed, only what comes of it. Everything is written into pages
 * of its own, which other processes of this host can map once they are sealed. */

#include "follow/rebuild.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lm/kernel/cores.h"
#include "lm/model/lora_image.h"
#include "lm/model/packed.h"
#include "proto/blob.h"
#include "proto/patch.h"

#include <stdbool.h>
#include <stdio.h>

/* Words stay with the thread that set them: what is wrong is said by the one that asks. */
static enum err by_patch(struct fetch_rebuild *job, uint8_t *to)
{
    const void *const base = shared_memory_bytes(job->base);
    struct patch patch;
    bool bad = false;
    enum err err = patch_open(&patch, shared_memory_bytes(job->bytes),
                              shared_memory_size(job->bytes), job->of.bytes);

    if (err)
        return err;
#pragma omp parallel for schedule(dynamic) reduction(|| : bad)
    for (size_t i = 0; i < patch.blocks; i++)
        bad = bad || patch_block(&patch, i, base, to, &job->digest[i]) != OK;
    patch_close(&patch);
    return bad ? err_set(ERR_PARSE, "the patch is damaged") : OK;
}

static enum err by_adapter(struct fetch_rebuild *job, const struct shape *shape, uint8_t *to)
{
    const size_t n = shared_memory_size(job->made), chunks = blob_chunks(n);
    enum err err;

    if (!shape || packed_size(shape) != n)
        return err_set(ERR_PARSE, "an adapter of a model that is not this one");
    err = lora_image_merge((float *)(void *)to, shared_memory_bytes(job->base), shape,
                           shared_memory_bytes(job->bytes), shared_memory_size(job->bytes));
    if (err)
        return err;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < chunks; i++) {
        const size_t at = i * HASH_CHUNK, left = n - at;
        job->digest[i] = hash_chunk(to + at, left < HASH_CHUNK ? left : (size_t)HASH_CHUNK);
    }
    return OK;
}

static enum err check(const struct fetch_rebuild *job)
{
    const struct hash name = hash_join(job->digest, blob_chunks(job->of.bytes));

    return hash_same(&name, &job->of.hash)
               ? OK
               : err_set(ERR_PARSE, "what the %s makes does not have the version's hash",
                         job->way.kind == ARTIFACT_PATCH ? "patch" : "adapter");
}

void rebuild_do(struct fetch_rebuild *job, const struct shape *shape)
{
    const int64_t begun = clock_mono_ms();
    const size_t n = (size_t)job->of.bytes;
    enum err err = shared_memory_size(job->base) == n
                       ? shared_memory_new(&job->made, n, "a rebuilt image")
                       : err_set(ERR_PARSE, "its base is of another size");

    cores_thread();
    job->digest = mem_new(blob_chunks(n) + 1, sizeof *job->digest);
    if (!err)
        err = job->way.kind == ARTIFACT_PATCH
                  ? by_patch(job, shared_memory_bytes(job->made))
                  : by_adapter(job, shape, shared_memory_bytes(job->made));
    if (!err)
        err = check(job);
    if (!err)
        err = shared_memory_seal(job->made);
    job->took_ms = clock_mono_ms() - begun;
    job->err = err;
    if (!err)
        return;
    snprintf(job->words, sizeof job->words, "%s", err_text());
    shared_memory_free(job->made);
    job->made = NULL;
}
