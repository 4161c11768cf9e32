#include "tests/actor/compute_fixture.h"

#include "actor/compute.h"
#include "actor/inflight.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "net/loop.h"
#include "net/worker.h"
#include "tests/lm/small.h"
#include <stdio.h>

static enum err given(void *self, void *item, int64_t now_ms)
{
    struct compute_fixture *d = self;

    (void)now_ms;
    if (((struct compute_item *)item)->kind == ITEM_BEGUN) {
        d->begun += ((struct compute_item *)item)->count;
        compute_item_free(item);
        return OK;
    }
    if (((struct compute_item *)item)->kind == ITEM_GOLDEN) {
        d->golden = ((struct compute_item *)item)->golden;
        d->goldens++;
        compute_item_free(item);
        return OK;
    }
    assert_true(d->n < RESULTS);
    d->got[d->n++] = item;
    if (d->n == d->want)
        loop_stop(d->loop);
    return OK;
}

static enum err decode(void *self, struct worker *worker)
{
    return compute_main(((struct compute_fixture *)self)->compute, worker);
}

static enum err watch(void *self, int64_t now_ms)
{
    struct compute_fixture *d = self;

    d->late = now_ms > d->until_ms;
    if (d->late)
        loop_stop(d->loop);
    return OK;
}

void fixture_open(struct compute_fixture *d, int slots)
{
    memset(d, 0, sizeof *d);
    assert_ok(loop_new(&d->loop));
    compute_new(&d->compute, slots);
    assert_ok(worker_start(&d->worker, d->loop,
                           &(struct worker_conf){64, decode, given, compute_item_free, d}));
    assert_ok(loop_every(d->loop, 50, watch, d));
}

void fixture_close(struct compute_fixture *d)
{
    worker_stop(d->worker);
    for (int i = 0; i < d->n; i++)
        compute_item_free(d->got[i]);
    loop_free(d->loop);
    compute_free(d->compute);
}

/* Until `want` results are there in all. */
void fixture_await(struct compute_fixture *d, int want)
{
    d->want = want;
    d->until_ms = clock_mono_ms() + WAIT_MS;
    if (d->n < want)
        assert_ok(loop_run(d->loop));
    if (d->late || d->n < want)
        fail_msg("%d of %d results came within %d s", d->n, want, WAIT_MS / 1000);
}

void fixture_post(struct compute_fixture *d, struct compute_item *item)
{
    assert_true(worker_post(d->worker, item));
}

void fixture_post_card_of(struct compute_fixture *d, int context)
{
    struct compute_item *item = compute_item(ITEM_CARD);

    item->files = mem_new(1, sizeof *item->files);
    item->files->shape = small_shape[0];
    item->files->shape.context = context;
    fixture_post(d, item);
}

void fixture_post_card(struct compute_fixture *d)
{
    fixture_post_card_of(d, small_shape[0].context);
}

struct version fixture_version(uint64_t number)
{
    struct version v = {number, {{0}}};

    v.hash.byte[0] = (uint8_t)(number + 1);
    return v;
}

/* Each version has weights of its own. */
struct compute_item *fixture_image(uint64_t number)
{
    struct compute_item *item = compute_item(ITEM_IMAGE);
    struct small small;

    small_new(&small, &small_shape[0]);
    for (size_t i = 0; i < small.params->count; i++)
        small.params->data[i] *= 1 + 0.01f * (float)number;
    small_pack(&small);
    item->version = fixture_version(number);
    assert_ok(shared_memory_new(&item->image, packed_size(&small_shape[0]), "an image"));
    memcpy(shared_memory_bytes(item->image), small.image, shared_memory_size(item->image));
    assert_ok(shared_memory_seal(item->image));
    small_free(&small);
    return item;
}

void fixture_post_image(struct compute_fixture *d, uint64_t number)
{
    fixture_post(d, fixture_image(number));
}

/* Samples first .. first+count-1 of a task. */
void fixture_post_part(struct compute_fixture *d, uint64_t task, uint64_t version,
                       uint32_t first, uint32_t count, uint32_t prompt, uint32_t answer)
{
    int32_t *token = mem_new(prompt, sizeof *token);
    struct task t = {.id = task,
                     .seed = 5,
                     .samples = first + count,
                     .prompt = token,
                     .n_prompt = prompt,
                     .version = fixture_version(version),
                     .decoding = {.temperature = 1, .top_p = 1, .max_new = answer}};

    for (uint32_t i = 0; i < prompt; i++)
        token[i] = formula_token(i, (uint32_t)task, small_shape[0].vocab);
    assert_null(compute_item_unfit(&t));
    fixture_post(d, compute_item_job(&t, first, count, false));
    free(token);
}

void fixture_post_job(struct compute_fixture *d, uint64_t task, uint64_t version,
                      uint32_t samples, uint32_t prompt, uint32_t answer)
{
    fixture_post_part(d, task, version, 0, samples, prompt, answer);
}

const struct compute_item *fixture_find(const struct compute_fixture *d, uint64_t task,
                                        uint32_t sample)
{
    for (int i = 0; i < d->n; i++)
        if (d->got[i]->kind == ITEM_DONE && d->got[i]->rollout->task == task &&
            d->got[i]->rollout->sample == sample)
            return d->got[i];
    fail_msg("nothing of task %d sample %d", (int)task, (int)sample);
    return NULL;
}

/* The same job by itself in a process that does nothing else gives the same rollout. */
void fixture_same_as_alone(const struct compute_fixture *d, uint64_t task, uint64_t version,
                           uint32_t samples, uint32_t prompt, uint32_t answer)
{
    struct compute_fixture alone;

    fixture_open(&alone, (int)samples);
    fixture_post_card(&alone);
    fixture_post_image(&alone, version);
    fixture_post_job(&alone, task, version, samples, prompt, answer);
    fixture_await(&alone, (int)samples);
    for (uint32_t s = 0; s < samples; s++) {
        const struct rollout *a = fixture_find(&alone, task, s)->rollout,
                             *b = fixture_find(d, task, s)->rollout;
        assert_int_equal(a->n_token, b->n_token);
        assert_memory_equal(a->token, b->token, a->n_token * sizeof *a->token);
        assert_memory_equal(a->logprob, b->logprob, a->n_token * sizeof *a->logprob);
        assert_int_equal(b->n_span, 1);
        assert_int_equal(b->span[0].version.number, version);
        assert_true(hash_same(&a->hash, &b->hash));
    }
    fixture_close(&alone);
}
