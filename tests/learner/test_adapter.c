/* Adapters in the learner: PPO on them is on-policy to the bit, the base stays and is the
 * reference, a state is the adapter's alone and knows its base. */

#include "learner/iteration/iteration_state.h"
#include "learner/run/peft.h"

#include "base/fs.h"
#include "learner/run/checkpoint.h"
#include "tests/learner/feed.h"

#include <unistd.h>

static const struct lora_conf lora = {
    .r = 3, .alpha = 6, .target = {"all-linear"}, .targets = 1};

static struct iteration_conf adapted(int c)
{
    struct iteration_conf conf = golden_conf(c);

    conf.lora = &lora;
    conf.strict = true;
    conf.rates.peak = 1e-2;
    return conf;
}

static void iterate(struct iteration_state *ppo, const struct iteration_conf *conf, int it)
{
    struct iteration_metrics got;
    struct feed feed;

    feed_on_policy(&feed, ppo, conf->temperature, it);
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    assert_true(got.first.ratio_gap == 0.0 && got.first.approxkl == 0.0);
    assert_true(metric(&got, "policy/approxkl_avg") > 0);
}

static float *copy_image(const struct iteration_state *ppo, size_t *bytes)
{
    const float *image = iteration_image(ppo, bytes);
    float *copy = malloc(*bytes);

    assert_non_null(copy);
    memcpy(copy, image, *bytes);
    return copy;
}

static void the_first_ratio_is_exactly_one_and_the_base_stays(void **state)
{
    (void)state;
    for (int c = 0; c < 2; c++) {
        const struct iteration_conf conf = adapted(c);
        struct iteration_state *ppo = fresh(&conf);
        struct params *base = weights(&small_shape[0]);
        struct small plain;
        size_t bytes;

        small_new(&plain, &small_shape[0]);
        assert_memory_equal(plain.image, iteration_image(ppo, &bytes),
                            packed_size(&small_shape[0]));
        for (int it = 0; it < 2; it++)
            iterate(ppo, &conf, it);
        assert_memory_equal(base->data, iteration_policy(ppo)->data,
                            base->count * sizeof(float));
        assert_memory_not_equal(plain.image, iteration_image(ppo, &bytes), bytes);
        small_free(&plain);
        params_free(base);
        iteration_free(ppo);
    }
}

static void a_state_comes_back_on_its_base_only(void **state)
{
    char folder[] = "/tmp/drover-adapter-XXXXXX";
    const struct iteration_conf conf = adapted(1);
    struct iteration_state *a = fresh(&conf), *b = fresh(&conf), *c;
    struct params *other = weights(&small_shape[0]);
    struct hash want, got;
    float *image, *again;
    size_t bytes;
    (void)state;

    assert_non_null(mkdtemp(folder));
    iterate(a, &conf, 0);
    assert_ok(iteration_state_write(a, folder, NULL));
    assert_ok(iteration_state_read(b, folder, 1, NULL));
    iterate(a, &conf, 1);
    iterate(b, &conf, 1);
    image = copy_image(a, &bytes);
    again = copy_image(b, &bytes);
    assert_memory_equal(image, again, bytes);
    want = trainable_hash(iteration_trainable(a));
    got = trainable_hash(iteration_trainable(b));
    assert_true(hash_same(&want, &got));
    other->data[3] += 0.5f;
    assert_ok(iteration_new(&c, &conf, other, weights(&small_shape[3])));
    assert_err(ERR_STATE, iteration_state_read(c, folder, 1, NULL));
    assert_non_null(strstr(err_text(), "belongs to a base with the hash"));
    assert_int_equal(iteration_count(c), 0);
    assert_ok(fs_remove(folder));
    free(image);
    free(again);
    iteration_free(a);
    iteration_free(b);
    iteration_free(c);
}

/* ---- one step */

struct adapter_bed {
    struct trainable *step;
    int token[40];
    struct batch batch;
    float logprob[40];
};
static const int seq[] = {0, 13, 40};

static void toy_init(struct adapter_bed *toy, const struct lora_conf *conf)
{
    const struct train_options options = {.checkpointing = true};

    assert_ok(trainable_new(&toy->step, weights(&small_shape[0]), &options, conf, 7));
    for (uint32_t i = 0; i < 40; i++)
        toy->token[i] = formula_token(i, 3, small_shape[0].vocab);
    toy->batch = (struct batch){.n = 40, .n_seq = 2, .token = toy->token, .seq = seq};
}

static void forward(struct adapter_bed *toy)
{
    assert_ok(trainable_forward(toy->step, &toy->batch, 1.0f, toy->logprob, NULL, NULL, NULL));
}

static void learn(struct adapter_bed *toy, int steps)
{
    const struct adamw adamw = {.9, .999, 1e-8, 0, OPTIM_ADAMW, {.nesterov = false}};
    float slope[40];

    for (int i = 0; i < 40; i++)
        slope[i] = -1.0f / 38;
    for (int i = 0; i < steps; i++) {
        forward(toy);
        trainable_backward(toy->step, slope, NULL, NULL);
        assert_true(trainable_apply(toy->step, &adamw, 1e-2, 1) > 0);
    }
}

static void the_base_is_the_reference(void **state)
{
    const struct model *reference;
    struct adapter_bed toy;
    float want[40], got[40];
    (void)state;

    toy_init(&toy, &lora);
    forward(&toy);
    memcpy(want, toy.logprob, sizeof want); /* a fresh adapter is its base */
    learn(&toy, 3);
    forward(&toy);
    assert_memory_not_equal(want, toy.logprob, sizeof want);
    assert_ok(trainable_reference(toy.step, &reference));
    assert_ok(forward_score(reference, toy.token, seq, 2, 1.0f, got, NULL, NULL));
    assert_memory_equal(want, got, sizeof want);
    assert_ok(
        forward_score(trainable_model(toy.step), toy.token, seq, 2, 1.0f, got, NULL, NULL));
    assert_memory_equal(toy.logprob, got, sizeof want);
    trainable_free(toy.step);
    toy_init(&toy, NULL);
    assert_err(ERR_STATE, trainable_reference(toy.step, &reference));
    trainable_free(toy.step);
}

static void dropout_is_of_training_passes_only(void **state)
{
    struct lora_conf conf = lora;
    struct adapter_bed toy;
    float plain[40], first[40];
    (void)state;

    conf.dropout = .5;
    toy_init(&toy, &conf);
    learn(&toy, 2);
    forward(&toy);
    memcpy(plain, toy.logprob, sizeof plain);
    trainable_dropout(toy.step, true);
    forward(&toy);
    memcpy(first, toy.logprob, sizeof first);
    assert_memory_not_equal(plain, first, sizeof plain);
    forward(&toy); /* the next sequences of the step's batch: other masks */
    assert_memory_not_equal(first, toy.logprob, sizeof first);
    trainable_dropout(toy.step, false);
    forward(&toy);
    assert_memory_equal(plain, toy.logprob, sizeof plain);
    trainable_free(toy.step);
}

static void memory_is_the_adapters(void **state)
{
    const struct train_options options = {.checkpointing = true};
    const struct shape *shape = &small_shape[0];
    const size_t image = packed_size(shape);
    struct trainable_state inner;
    struct adapter_bed toy;
    size_t count;
    (void)state;

    toy_init(&toy, &lora);
    inner = trainable_state(toy.step);
    count = trainable_lora(toy.step)->weights->count;
    for (int i = 0; i < inner.n; i++)
        assert_int_equal(inner.block[i].n, count * sizeof(float));
    /* of layers alike: 3 (in + out) a module */
    assert_int_equal(count, 2 * 3 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 96)));
    assert_true(trainable_size(shape, &options, &lora, 40) <
                trainable_size(shape, &options, NULL, 40) - 3 * image +
                    5 * count * sizeof(float));
    trainable_free(toy.step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_ratio_is_exactly_one_and_the_base_stays),
        cmocka_unit_test(a_state_comes_back_on_its_base_only),
        cmocka_unit_test(the_base_is_the_reference),
        cmocka_unit_test(dropout_is_of_training_passes_only),
        cmocka_unit_test(memory_is_the_adapters),
    };
    return cmocka_run_group_tests_name("adapter", tests, NULL, NULL);
}
