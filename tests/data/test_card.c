#include "data/card.h"

#include "data/glob.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

/* As fsspec's glob and `datasets` take them. */
static void patterns(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool yes;
    } all[] = {{"a", "a", true},
               {"a", "b", false},
               {"*.csv", "x.csv", true},
               {"*.csv", "d/x.csv", false},
               {"data/*", "data/x", true},
               {"data/*", "data/a/x", false},
               {"data/**", "data/a/x", true},
               {"**", "a/b/c", true},
               {"**/x", "x", true},
               {"**/x", "a/b/x", true},
               {"**/x", "ax", false},
               {"a/**/x", "a/x", true},
               {"a/**/x", "a/b/c/x", true},
               {"a/**/x", "ab/x", false},
               {"?.csv", "a.csv", true},
               {"?/a", "//a", false},
               {"t[a-c]z", "tbz", true},
               {"t[!a-c]z", "tbz", false},
               {"t[!a-c]z", "tdz", true},
               {"t[]]z", "t]z", true},
               {"t[aab]z", "taz", true},
               {"t[z", "t[z", true},
               {"train-[0-9][0-9]-*", "train-07-x", true},
               {"", "", true},
               {"*", "", true},
               {"[", "", false}};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (glob_match(all[i].pattern, all[i].path) != all[i].yes)
            fail_msg("'%s' and '%s'", all[i].pattern, all[i].path);
}

static const char *const shards[] = {"README.md", "data/held_out-00000-of-00001.parquet",
                                     "data/train-00000-of-00002-abc.parquet",
                                     "data/train-00001-of-00002-abc.parquet",
                                     "dataset_infos.json"};
static const char *const named[] = {".hidden/train.csv", "eval_2.csv", "my-training-set.csv",
                                    "retrain.csv",       "train.txt",  "x.dev.csv"};
static const char *const folders[] = {"en/test/1.jsonl", "en/train/1.jsonl", "en/train/2.jsonl",
                                      "fr/train/1.jsonl"};
static const char *const bare[] = {"a.jsonl", "b.jsonl"};

/* What is found, as "at at …", or the words of the error. */
static const char *ask(const char *card, const char *const *path, size_t n, const char *config,
                       const char *split)
{
    static char out[1024];
    struct card_question q = {
        .name = "set", .path = path, .n = n, .config = config, .split = split};
    struct card_answer answer;
    json_t *tree = NULL;
    enum err err = card ? card_read(&tree, card, strlen(card), "README.md") : OK;

    q.card = tree;
    if (!err)
        err = card_files(&answer, &q);
    snprintf(out, sizeof out, "%s", err ? err_text() : "");
    for (size_t i = 0; !err && i < answer.n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%zu ", answer.at[i]);
    if (!err)
        card_answer_free(&answer);
    json_decref(tree);
    return out;
}

static void names_decide(void **state)
{
    (void)state;
    assert_string_equal(ask(NULL, shards, 5, NULL, "train"), "2 3 ");
    assert_string_equal(ask(NULL, shards, 5, NULL, "held_out"), "1 ");
    assert_string_equal(ask(NULL, shards, 5, NULL, "test"), "");
    assert_string_equal(ask(NULL, named, 6, NULL, "train"), "2 "); /* no part of another word */
    assert_string_equal(ask(NULL, named, 6, NULL, "test"), "1 ");
    assert_string_equal(ask(NULL, named, 6, NULL, "validation"), "5 ");
    assert_string_equal(ask(NULL, folders, 4, NULL, "train"), "1 2 3 ");
    assert_string_equal(ask(NULL, folders, 4, "en", "train"), "1 2 ");
    assert_string_equal(ask(NULL, folders, 4, "en", "test"), "0 ");
    assert_non_null(strstr(ask(NULL, folders, 4, "de", "test"), "no configuration 'de'"));
    assert_string_equal(ask(NULL, bare, 2, NULL, "train"), "0 1 ");
    assert_string_equal(ask(NULL, bare, 2, NULL, "test"), "");
}

static void the_card_decides(void **state)
{
    static const char two[] =
        "---\nconfigs:\n- config_name: en\n  data_files:\n  - split: train\n"
        "    path: en/train/*\n- config_name: fr\n  default: true\n"
        "  data_dir: fr\n---\ntext\n";
    static const char one[] =
        "---\nconfigs:\n- config_name: any\n  data_files: [en/train/2.jsonl, en/train]\n---\n";
    static const char map[] =
        "---\nconfigs:\n- config_name: default\n  data_files:\n    train: fr/**\n"
        "    extra: [en/test/*]\n- config_name: b\n---\n";

    (void)state;
    assert_string_equal(ask(two, folders, 4, NULL, "train"), "3 ");
    assert_string_equal(ask(two, folders, 4, "en", "train"), "1 2 ");
    assert_string_equal(ask(two, folders, 4, "en", "test"), "");
    assert_string_equal(ask(one, folders, 4, NULL, "train"), "2 1 "); /* as listed, each once */
    assert_string_equal(ask(map, folders, 4, NULL, "extra"), "0 ");
    assert_string_equal(ask(map, folders, 4, NULL, "train"), "3 ");
    assert_non_null(strstr(ask(two, folders, 4, "de", "train"), "there are: en fr"));
    assert_string_equal(ask("# no front matter\n---\n", bare, 2, NULL, "train"), "0 1 ");
    assert_string_equal(ask("---\nlicense: mit\n---\n", bare, 2, NULL, "train"), "0 1 ");
    assert_non_null(
        strstr(ask("---\nconfigs: {a: b}\n---\n", bare, 2, NULL, "train"), "no list"));
    assert_non_null(strstr(
        ask("---\nconfigs:\n- data_files: [[a]]\n---\n", bare, 2, NULL, "train"), "a path"));
    assert_non_null(strstr(ask("---\na: [\n---\n", bare, 2, NULL, "train"), "not YAML"));
}

static void several_and_none_chosen(void **state)
{
    static const char two[] = "---\nconfigs:\n- config_name: a\n- config_name: b\n---\n";

    (void)state;
    assert_non_null(strstr(ask(two, bare, 2, NULL, "train"), "dataset_config"));
    assert_string_equal(ask(two, bare, 2, "b", "train"), "0 1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(names_decide),
        cmocka_unit_test(the_card_decides),
        cmocka_unit_test(several_and_none_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
