/* Images that are rebuilt: the announced one, or nothing and a word. */

#include "follow/rebuild.h"

#include "base/mem.h"
#include "lm/model/lora_image.h"
#include "proto/blob.h"
#include "proto/patch.h"
#include "tests/lm/lora_fixture.h"

static const struct lora_conf pairs = {
    .r = 5, .alpha = 7, .target = {"all-linear"}, .targets = 1};

static struct shared_memory *pages(const void *bytes, size_t n)
{
    struct shared_memory *shared;

    assert_ok(shared_memory_new(&shared, n, "pages"));
    memcpy(shared_memory_bytes(shared), bytes, n);
    assert_ok(shared_memory_seal(shared));
    return shared;
}

struct image_pair { /* an image and the one before it, as small as they come */
    struct lora_fixture *fixture;
    float *base, *image;
    size_t bytes;
};

static struct image_pair make(void)
{
    struct image_pair b = {.fixture =
                               lora_fixture_new(0, &pairs, 0.1f, (struct train_options){0}),
                           .bytes = packed_size(&small_shape[0])};
    const struct small *const small = &b.fixture->small;

    assert_ok(mem_big(&b.base, b.bytes, 1, "base"));
    assert_ok(mem_big(&b.image, b.bytes, 1, "image"));
    packed_fill(b.base, small->layout, small->params);
    packed_fill(b.image, small->layout, small->params);
    lora_pack(b.fixture->lora, b.image, small->layout);
    return b;
}

static void drop(struct image_pair *b)
{
    lora_fixture_free(b->fixture);
    free(b->base);
    free(b->image);
}

static struct fetch_rebuild *job_of(const struct image_pair *b, uint32_t kind)
{
    struct fetch_rebuild *const job = mem_new(1, sizeof *job);
    uint8_t *bytes;
    size_t n = lora_image_size(b->fixture->lora);

    job->of = (struct artifact){
        .hash = hash_of(b->image, b->bytes), .bytes = b->bytes, .kind = ARTIFACT_IMAGE};
    job->way.kind = kind;
    job->base = pages(b->base, b->bytes);
    if (kind == ARTIFACT_PATCH) {
        assert_ok(patch_make(&bytes, &n, b->base, b->image, b->bytes, NULL));
    } else {
        assert_ok(mem_big(&bytes, n, 1, "adapter"));
        lora_image_write(b->fixture->lora, bytes);
    }
    job->bytes = pages(bytes, n);
    free(bytes);
    return job;
}

static void test_both_make_the_announced_image(void **state)
{
    (void)state;
    for (uint32_t kind = ARTIFACT_PATCH; kind < ARTIFACT_KINDS; kind++) {
        struct image_pair b = make();
        struct fetch_rebuild *const job = job_of(&b, kind);
        struct hash *const digest = mem_new(blob_chunks(b.bytes), sizeof *digest);
        rebuild_do(job, &small_shape[0]);
        assert_ok(job->err);
        assert_memory_equal(shared_memory_bytes(job->made), b.image, b.bytes);
        assert_true(shared_memory_fd(job->made) >= 0); /* sealed */
        blob_digest(digest, b.image, b.bytes);
        assert_memory_equal(job->digest, digest, blob_chunks(b.bytes) * sizeof *digest);
        free(digest);
        fetch_ways_rebuild_free(job);
        drop(&b);
    }
}

static void refused(struct fetch_rebuild *job, const struct shape *shape)
{
    rebuild_do(job, shape);
    assert_int_equal(job->err, ERR_PARSE);
    assert_null(job->made);
    assert_true(*job->words);
    fetch_ways_rebuild_free(job);
}

static void test_anything_else_is_refused(void **state)
{
    (void)state;
    for (uint32_t kind = ARTIFACT_PATCH; kind < ARTIFACT_KINDS; kind++) {
        struct image_pair b = make();
        struct fetch_rebuild *job = job_of(&b, kind);

        job->of.hash.byte[3] ^= 1; /* it makes another image than was announced */
        refused(job, &small_shape[0]);
        b.base[100] += 1; /* another base than it is of */
        job = job_of(&b, kind);
        shared_memory_free(job->base);
        b.base[100] -= 1;
        job->base = pages(b.base, b.bytes);
        refused(job, &small_shape[0]);
        job = job_of(&b, kind); /* a base of another size */
        shared_memory_free(job->base);
        job->base = pages(b.base, b.bytes - 4096);
        refused(job, &small_shape[0]);
        job = job_of(&b, kind); /* cut off */
        shared_memory_free(job->bytes);
        job->bytes = pages("drvpatch and no more", 20);
        refused(job, &small_shape[0]);
        if (kind == ARTIFACT_ADAPTER) {
            refused(job_of(&b, kind), NULL); /* no card yet; another model's */
            refused(job_of(&b, kind), &small_shape[1]);
        }
        drop(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_make_the_announced_image),
        cmocka_unit_test(test_anything_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
