#include "base/repo.h"

#include "base/mem.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void what_is_a_name(void **state)
{
    static const char *const names[] = {"Qwen/Qwen2.5-0.5B-Instruct",
                                        "a/b@main",
                                        "a/b@refs/pr/3",
                                        "a/b@v1.0",
                                        "hf://a/b",
                                        "hf://datasets/a/b@refs/convert/parquet/c/train",
                                        "hf://models/a/b/x.gguf",
                                        "hf://a/b/dir with blanks/x"};
    static const char *const others[] = {"",
                                         "a",
                                         "gpt2",
                                         "a/b/c",
                                         "/a/b",
                                         "./a",
                                         "../a",
                                         "~/a",
                                         "a/",
                                         "/b",
                                         "a/.b",
                                         ".a/b",
                                         "-a/b",
                                         "a/b..c",
                                         "a/b--c",
                                         "a/b.",
                                         "a/b c",
                                         "a/b?x",
                                         "a/b%2f",
                                         "a/b@",
                                         "a/b@../x",
                                         "a/b@/x",
                                         "a/b@x//y",
                                         "a/b@-x",
                                         "a/train.jsonl",
                                         "a/x.gguf",
                                         "hf://a",
                                         "hf://a/b/../c",
                                         "hf://a/b//c",
                                         "hf://a/b/c\nd",
                                         "hf://datasets/a",
                                         "https://a/b"};
    char longest[400];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!repo_is_name(names[i]))
            fail_msg("%s", names[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (repo_is_name(others[i]))
            fail_msg("%s", others[i]);
    memset(longest, 'a', sizeof longest);
    longest[1] = '/';
    longest[399] = 0;
    assert_false(repo_is_name(longest));
}

/* A source of the test's own: commits count up, so that a second opening would show. */
static int opened, taken;
static const char *wanted;

static enum err open_one(struct repo *out, const char *commit)
{
    wanted = commit;
    snprintf(out->commit, sizeof out->commit, "%d", ++opened);
    return OK;
}

static enum err take_some(struct repo *repo, const size_t *at, size_t n)
{
    (void)repo, (void)at;
    taken += (int)n;
    return OK;
}

static void close_one(struct repo *repo)
{
    (void)repo;
}

static void opened_once_kept_and_pinned(void **state)
{
    static const struct repo_source source = {open_one, take_some, close_one};
    const struct repo *a, *b;
    char inside[REPO_NAME];
    const size_t at = 0;
    json_t *record;

    (void)state;
    assert_err(ERR_IO, repo_open(&a, REPO_MODEL, "x/y", NULL)); /* nobody serves */
    repo_serve(&source);
    assert_null(repo_record());
    assert_ok(repo_open(&a, REPO_MODEL, "x/y", NULL));
    assert_ok(repo_open(&b, REPO_MODEL, "hf://x/y/z.gguf", inside));
    assert_ptr_equal(a, b);
    assert_string_equal(inside, "z.gguf");
    assert_ok(repo_open(&b, REPO_DATASET, "x/y", NULL)); /* another thing of the same name */
    assert_ptr_not_equal(a, b);
    assert_ok(repo_open(&b, REPO_MODEL, "x/y@v1", NULL));
    assert_int_equal(opened, 3);
    assert_err(ERR_RANGE, repo_open(&b, REPO_MODEL, "hf://datasets/x/y", NULL));
    assert_err(ERR_RANGE, repo_open(&b, REPO_MODEL, "x", NULL));
    assert_ok(repo_take(a, &at, 1));
    assert_int_equal(taken, 1);

    record = repo_record();
    assert_int_equal(json_array_size(record), 3);
    repo_forget();
    repo_pin(record);
    json_decref(record);
    assert_ok(repo_open(&a, REPO_MODEL, "x/y", NULL));
    assert_string_equal(wanted, "1");
    record = repo_record(); /* what this start does not open stays on record */
    assert_int_equal(json_array_size(record), 3);
    json_decref(record);
    assert_ok(repo_open(&a, REPO_MODEL, "x/other", NULL));
    assert_null(wanted);
    repo_forget();
    record = json_loads("[1, {}, {\"kind\": \"model\", \"name\": \"x/y\", \"revision\": "
                        "\"main\", \"commit\": \"../z\"}]",
                        0, NULL);
    repo_pin(record);
    json_decref(record);
    assert_ok(repo_open(&a, REPO_MODEL, "x/y", NULL));
    assert_null(wanted); /* no record is believed that leads elsewhere */
    repo_forget();
    repo_serve(NULL);
}

static void a_revision_is_put_in(void **state)
{
    static const char *const all[][3] = {
        {"a/b", "v1", "a/b@v1"},
        {"a/b", "main", "a/b"},
        {"a/b", NULL, "a/b"},
        {"a/b@x", "v1", "a/b@x"},
        {"hf://datasets/a/b/c", "v1", "hf://datasets/a/b@v1/c"},
        {"./a", "v1", "./a"}};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *got = repo_at(all[i][0], all[i][1]);
        assert_string_equal(got, all[i][2]);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_name),
        cmocka_unit_test(opened_once_kept_and_pinned),
        cmocka_unit_test(a_revision_is_put_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
