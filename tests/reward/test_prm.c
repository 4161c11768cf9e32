/* A process reward model over a rollout: the right numbers at the right tokens. */
#include "reward/prm.h"

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/kernel/real.h"
#include "lm/model/forward.h"
#include "reward/batch.h"
#include "reward/reward_kind.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct prm_model {
    struct model_files *files;
    struct packed_layout *layout;
    float *image;
    struct model *model;
};

static void open_fixture(struct prm_model *fixture)
{
    assert_ok(model_files_open(&fixture->files, GOLDEN "/model", MODEL_FILES_ALL));
    assert_ok(packed_layout_new(&fixture->layout, &fixture->files->shape));
    fixture->image = aligned_alloc(64, packed_size(&fixture->files->shape));
    packed_fill(fixture->image, fixture->layout, fixture->files->params);
    assert_ok(model_new(&fixture->model, &fixture->files->shape, fixture->image,
                        packed_size(&fixture->files->shape)));
}

static void close_bed(struct prm_model *fixture)
{
    model_free(fixture->model);
    free(fixture->image);
    packed_layout_free(fixture->layout);
    model_files_free(fixture->files);
}

/* One answer, tokenised in one piece as a policy writes it. */
static struct reward_batch answer_of(const struct prm_model *fixture, const char *prompt,
                                     const char *answer)
{
    const struct tokenizer *t = fixture->files->tokenizer;
    struct reward_batch batch = {.spec = "{\"max_prompt\":512,\"separator\":\" the\"}",
                                 .n_item = 1};
    struct reward_item *item = batch.item = mem_new(1, sizeof *item);
    int *a, *b;
    size_t n, m;

    assert_ok(tokenizer_encode(t, prompt, strlen(prompt), true, &a, &n));
    assert_ok(tokenizer_encode(t, answer, strlen(answer), true, &b, &m));
    item->n_prompt = (int)n;
    item->n_answer = (int)m;
    item->token = mem_new(n + m, sizeof *a);
    memcpy(item->token, a, n * sizeof *a);
    memcpy(item->token + n, b, m * sizeof *b);
    batch_begin(&batch);
    free(a);
    free(b);
    return batch;
}

/* The separator is found by its bytes: " then" ends a step, too. Four steps, the last without a
 * separator. */
static void steps_end_where_their_bytes_do(void **state)
{
    static const char prompt[] = "is it", answer[] = "cat the hen then the sat";
    static const char *const steps[] = {"cat", " hen", "n", " sat"};
    const struct steps_rule rule = {.separator = " the", .bos = 1, .max_prompt = 512};
    struct prm_model fixture;
    struct reward_batch batch;
    struct steps want;
    json_t *row;
    float *logit;
    size_t bytes = 0;
    int step = 0;

    (void)state;
    open_fixture(&fixture);
    batch = answer_of(&fixture, prompt, answer);
    const struct reward_model with = {fixture.model, fixture.files};
    assert_ok(prm_score(&batch, &with));
    row = json_pack("{s:s,s:[s,s,s,s]}", "prompt", prompt, "completions", steps[0], steps[1],
                    steps[2], steps[3]);
    const struct encode encode = {fixture.files->tokenizer, fixture.files->chat, NULL, NULL};
    assert_ok(steps_encode(&want, row, &encode, &rule));
    logit = mem_new((size_t)want.n, sizeof *logit);
    const int seq[] = {0, want.n};
    assert_ok(forward_score(fixture.model, want.ids, seq, 1, 1.0f, NULL, NULL, logit));
    assert_int_equal(batch.each[0], batch.item[0].n_answer);
    assert_int_equal(batch.n_value, batch.item[0].n_answer);
    for (int t = 0; t < batch.item[0].n_answer; t++) {
        static const size_t ends[] = {7, 15, 20, 24}; /* "cat the| hen the|n the| sat" */
        size_t n;
        const size_t from = bytes;
        tokenizer_piece(fixture.files->tokenizer,
                        batch.item[0].token[batch.item[0].n_prompt + t], &n);
        bytes += n;
        if (step < 4 && ends[step] > from && ends[step] <= bytes) {
            const double p = real_sigmoid((double)logit[want.end[step++]]);
            assert_true(fabs((double)batch.value[t] - p) < 1e-6);
        } else {
            assert_true(batch.value[t] == -1.0f);
        }
    }
    assert_int_equal(step, 4);
    assert_int_equal(bytes, 24);
    free(logit);
    steps_free(&want);
    json_decref(row);
    batch_fini(&batch);
    close_bed(&fixture);
}

/* A prompt of a policy has the BOS that its template wrote: the model must not read two. */
static void a_prompt_that_has_its_bos_gets_no_other(void **state)
{
    struct prm_model m;
    struct reward_batch bare, full;
    (void)state;

    open_fixture(&m);
    assert_true(m.files->shape.bos >= 0);
    const struct reward_model with = {m.model, m.files};
    bare = answer_of(&m, "is it", "cat the hen");
    full = answer_of(&m, "is it", "cat the hen");
    struct reward_item *it = &full.item[0];
    int *token = mem_new((size_t)(it->n_prompt + it->n_answer) + 1, sizeof *token);
    token[0] = m.files->shape.bos;
    memcpy(token + 1, it->token, (size_t)(it->n_prompt + it->n_answer) * sizeof *token);
    free(it->token);
    it->token = token;
    it->n_prompt++;
    assert_ok(prm_score(&bare, &with));
    assert_ok(prm_score(&full, &with));
    assert_int_equal(bare.n_value, full.n_value);
    assert_memory_equal(bare.value, full.value, bare.n_value * sizeof *bare.value);
    batch_fini(&bare);
    batch_fini(&full);
    close_bed(&m);
}

/* A record's steps, listed or as a text, are read alike; what does not fit is refused. */
static void a_record_is_read_by_its_steps(void **state)
{
    const struct prm_rule rule = {" the", 512};
    struct prm_model m;
    double *listed = NULL, *cut = NULL;
    int n, k;
    json_t *prompt = json_string("is it"), *list = json_pack("[s,s]", "cat", " hen");
    json_t *text = json_string("cat the hen"), *none = json_string(""), *longest;
    char *words = mem_new(1 << 16, 1);
    (void)state;

    open_fixture(&m);
    const struct encode encode = {m.files->tokenizer, m.files->chat, NULL, NULL};
    assert_ok(prm_steps(&listed, &n, m.model, &encode, &rule, prompt, list));
    assert_ok(prm_steps(&cut, &k, m.model, &encode, &rule, prompt, text));
    assert_true(n == 2 && k == 2);
    assert_memory_equal(listed, cut, 2 * sizeof *cut);
    assert_true(listed[0] > 0 && listed[0] < 1 && listed[0] != listed[1]);
    free(listed);
    free(cut);
    assert_ok(prm_steps(&cut, &k, m.model, &encode, &rule, prompt, none));
    assert_true(k == 0 && !cut);
    for (size_t i = 0; i < 16000; i++)
        memcpy(words + 4 * i, "cat ", 4);
    longest = json_string(words);
    assert_err(ERR_RANGE, prm_steps(&cut, &k, m.model, &encode, &rule, prompt, longest));
    json_decref(prompt);
    json_decref(list);
    json_decref(text);
    json_decref(none);
    json_decref(longest);
    free(words);
    close_bed(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_end_where_their_bytes_do),
        cmocka_unit_test(a_prompt_that_has_its_bos_gets_no_other),
        cmocka_unit_test(a_record_is_read_by_its_steps)};

    return cmocka_run_group_tests_name("prm", tests, NULL, NULL);
}
