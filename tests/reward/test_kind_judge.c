#include "lm/file/model_files.h"
#include "reward/batch.h"
#include "reward/reward_kind.h"
#include "tests/lm/tiny.h"

static const char pairwise[] =
    "{\"template_text\":\"{prompt} {a} or {b}:\\n[verdicts]\\nA B\",\"name\":\"ai\"}";
static const char pointwise[] =
    "{\"template_text\":\"{prompt} {a}:\\n[verdicts]\\n2 5\",\"mode\":\"pointwise\"}";
static const char silent[] = "{\"template_text\":\"{prompt} {a}:\\n[verdicts]\\n2 5\",\"mode\":"
                             "\"pointwise\",\"verdict\":\"text\",\"max_new_tokens\":\"4\"}";

static struct model_files files;
static struct tiny_model model;

static int setup(void **state)
{
    static const char *const special[] = {"<pad>", "<bos>", "<|im_end|>"};

    (void)state;
    files.shape = tiny[TINY_MISTRAL].shape;
    files.shape.vocab = 300;
    files.shape.context = 512;
    model = tiny_make(&files.shape);
    assert_ok(tokenizer_bytes(&files.tokenizer, special, 3));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tiny_drop(&model);
    tokenizer_free(files.tokenizer);
    return 0;
}

static struct reward_batch ask(const char *spec, const char *const *text, uint32_t n,
                               bool group)
{
    struct reward_batch batch = {.spec = spec, .group = group, .n_item = n};

    batch.item = mem_new(n, sizeof *batch.item);
    for (uint32_t i = 0; i < n; i++) {
        batch.item[i].prompt_text = mem_text("q");
        batch.item[i].text = mem_text(text[i]);
        batch.item[i].meta = mem_text("{}");
    }
    batch_begin(&batch);
    return batch;
}

static enum err give(struct reward_batch *batch)
{
    const struct reward_model with = {model.model, &files};

    return reward_kind_of(SCORER_JUDGE)->score(batch, &with);
}

/* The value of one of a pair, alone. */
static float beats(const char *a, const char *b)
{
    struct reward_batch work = ask(pairwise, (const char *const[]){a, b}, 2, true);
    float value;

    assert_ok(give(&work));
    assert_true(fabsf(work.value[0] + work.value[2] - 1) < 1e-6f);
    value = work.value[0];
    batch_fini(&work);
    return value;
}

static void a_group_scores_the_share_it_beats(void **state)
{
    static const char *const text[] = {"one", "two words", "three", "one"};
    struct reward_batch work = ask(pairwise, text, 4, true);
    float sum = 0;

    (void)state;
    assert_ok(give(&work));
    assert_int_equal(work.n_value, 8);
    for (int i = 0; i < 4; i++) {
        float want = 0;
        for (int j = 0; j < 4; j++)
            want += j == i ? 0 : beats(text[i], text[j]) / 3;
        assert_true(fabsf(work.value[2 * i] - want) < 1e-6f);
        assert_true(work.value[2 * i + 1] == 0);
        assert_int_equal(work.each[i], 2);
        sum += work.value[2 * i];
    }
    assert_true(fabsf(sum - 2) < 1e-5f);
    assert_true(work.value[0] == work.value[6]);
    assert_true(work.value[0] != work.value[2]);
    batch_fini(&work);
}

static void many_are_all_compared(void **state)
{
    const char *text[12];
    char buffer[12][12];
    float sum = 0;
    struct reward_batch work;

    (void)state;
    for (int i = 0; i < 12; i++) {
        snprintf(buffer[i], sizeof buffer[i], "%d", i);
        text[i] = buffer[i];
    }
    work = ask(pairwise, text, 12, true);
    assert_ok(give(&work));
    for (int i = 0; i < 12; i++) {
        sum += work.value[2 * i];
        assert_true(work.value[2 * i + 1] == 0);
    }
    assert_true(fabsf(sum - 6) < 1e-5f); /* each of 66 pairs, over the 11 others */
    batch_fini(&work);
    work = ask(pairwise, text, 1, true);
    assert_ok(give(&work));
    assert_true(work.value[0] == 0.5f && work.value[1] == 0);
    batch_fini(&work);
}

static void scores_stand_alone_and_silence_is_the_lowest(void **state)
{
    static const char *const text[] = {"one", "two"};
    struct reward_batch work = ask(pointwise, text, 2, false);

    (void)state;
    assert_ok(give(&work));
    assert_true(work.value[0] > 2 && work.value[0] < 5 && work.value[0] != work.value[2]);
    assert_true(work.value[1] == 0 && work.value[3] == 0);
    batch_fini(&work);
    work = ask(silent, text, 2, false);
    assert_ok(give(&work));
    assert_true(work.value[0] == 2 && work.value[1] == 1);
    assert_true(work.value[2] == 2 && work.value[3] == 1);
    batch_fini(&work);
}

/* The third answer does not fit the judge's context: no pair with it has a verdict. */
static void what_went_unheard_is_told_of_each_answer(void **state)
{
    static const float unheard[] = {1 / 3.f, 1 / 3.f, 1, 1 / 3.f};
    char longest[600] = {0};
    const char *const text[] = {"one", "two", longest, "three"};
    struct reward_batch work;

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    work = ask(pairwise, text, 4, true);
    assert_ok(give(&work));
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(work.value[2 * i + 1] - unheard[i]) < 1e-6f);
    assert_true(work.value[4] == 0.5f);
    batch_fini(&work);
}

static void the_dialogue_is_what_the_judge_reads(void **state)
{
    static const char *const text[] = {"one"};
    struct reward_batch plain = ask(pointwise, text, 1, false),
                        chat = ask(pointwise, text, 1, false);

    (void)state;
    free(chat.item[0].prompt_text);
    free(chat.item[0].meta);
    chat.item[0].prompt_text = mem_text("<|im_start|>user\nq<|im_end|>\n");
    chat.item[0].meta = mem_text("{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}]}");
    assert_ok(give(&plain));
    assert_ok(give(&chat));
    assert_true(plain.value[0] == chat.value[0]);
    batch_fini(&plain);
    batch_fini(&chat);
}

static void a_path_from_the_wire_is_not_opened(void **state)
{
    static const char *const text[] = {"one"};
    struct reward_batch work = ask("{\"template\":\"/etc/passwd\"}", text, 1, false);

    (void)state;
    assert_err(ERR_PARSE, give(&work));
    batch_fini(&work);
    work = ask("nonsense", text, 1, false);
    assert_err(ERR_PARSE, give(&work));
    batch_fini(&work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_scores_the_share_it_beats),
        cmocka_unit_test(many_are_all_compared),
        cmocka_unit_test(scores_stand_alone_and_silence_is_the_lowest),
        cmocka_unit_test(what_went_unheard_is_told_of_each_answer),
        cmocka_unit_test(the_dialogue_is_what_the_judge_reads),
        cmocka_unit_test(a_path_from_the_wire_is_not_opened)};
    return cmocka_run_group_tests_name("kind_judge", tests, setup, teardown);
}
