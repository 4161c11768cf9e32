#include "tests/support/test.h"

#include "base/conf.h"
#include "base/config_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct some {
    char *name;
    int steps, limit, threads;
    double rate, smooth;
    bool shuffle;
    json_t *overlap;
};

static const struct conf_key keys[] = {
    CONF_TEXT(some, name, "x", "a name"),
    CONF_INT(some, steps, "10", 0, 1e9, "a count"),
    CONF_INT(some, limit, "", 0, 10, "an optional count"),
    CONF_AUTO(some, threads, 8, "a count, or auto"),
    CONF_REAL(some, rate, "2e-5", 0, 1, "a rate"),
    CONF_REAL(some, smooth, "", 0, 1, "an optional rate"),
    CONF_BOOL(some, shuffle, "true", "a switch"),
    CONF_TREE(some, overlap, "none or {lag: k}"),
    CONF_IGNORED("fp16", "computed in float32"),
    CONF_IGNORED("hub_*", "nothing is uploaded"),
    CONF_IGNORED_BUT("tidy", "true", "it is always so"),
    CONF_REFUSED("use_vllm", "drover generates itself"),
    CONF_END,
};
static const struct conf_key *const tables[] = {keys, NULL};
static int ignored_count;

static const char *ignored_why;

static void count(const char *key, const char *why)
{
    (void)key;
    ignored_why = why;
    ignored_count++;
}

static enum err load(struct some *out, int argc, char **argv)
{
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc, argv);

    memset(out, 0, sizeof *out);
    if (!err)
        err = conf_load(tables, out, tree, count);
    json_decref(tree);
    return err;
}

static void auto_is_a_number(void **state)
{
    char *three[] = {"threads=3"}, *word[] = {"--threads", "auto"}, *other[] = {"threads=Auto"},
         *more[] = {"threads=9"}, *elsewhere[] = {"steps=auto"};
    struct some s;

    (void)state;
    assert_ok(load(&s, 0, NULL));
    assert_int_equal(s.threads, 0);
    conf_free(tables, &s);
    assert_ok(load(&s, 1, three));
    assert_int_equal(s.threads, 3);
    conf_free(tables, &s);
    assert_ok(load(&s, 2, word));
    assert_int_equal(s.threads, 0);
    conf_free(tables, &s);
    assert_err(ERR_PARSE, load(&s, 1, other));
    conf_free(tables, &s);
    assert_err(ERR_RANGE, load(&s, 1, more));
    conf_free(tables, &s);
    assert_err(ERR_PARSE, load(&s, 1, elsewhere));
    conf_free(tables, &s);
}

static void defaults_and_overrides(void **state)
{
    char *args[] = {"--rate", "1e-6", "overlap.lag=2", "--name=no", "--fp16", "steps=7"};
    char *dash[] = {"name=-"}; /* standard output, and no list of YAML's */
    struct some s;

    (void)state;
    ignored_count = 0;
    assert_ok(load(&s, 6, args));
    assert_true(s.rate == 1e-6);
    assert_string_equal(s.name, "no");
    assert_int_equal(s.steps, 7);
    assert_false(conf_has_int(s.limit));
    assert_false(conf_has_real(s.smooth));
    assert_true(s.shuffle);
    assert_int_equal(ignored_count, 1);
    assert_string_equal(ignored_why, "computed in float32");
    assert_string_equal(json_string_value(json_object_get(s.overlap, "lag")), "2");
    conf_free(tables, &s);
    assert_ok(load(&s, 1, dash));
    assert_string_equal(s.name, "-");
    conf_free(tables, &s);
}

/* Said is what asks for something, not a value that is the same as no key at all. */
static void a_value_that_asks_for_nothing_is_not_told(void **state)
{
    static const char *const nothing[] = {"fp16=false",  "fp16=None", "fp16=0",
                                          "hub_id=null", "hub_id=",   "hub_id=False"};
    struct some s;

    (void)state;
    ignored_count = 0;
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        char *word = (char *)(uintptr_t)nothing[i], *args[] = {word};
        assert_ok(load(&s, 1, args));
        assert_int_equal(ignored_count, 0);
        conf_free(tables, &s);
    }
    for (int usual = 0; usual < 2; usual++) {
        char *args[] = {usual ? "tidy=True" : "tidy=false"};
        ignored_count = 0;
        assert_ok(load(&s, 1, args));
        assert_int_equal(ignored_count, !usual);
        conf_free(tables, &s);
    }
}

/* A row that ends in '*' stands for all names that begin so; it is no hint. */
static void a_star_ignores_a_family_of_keys(void **state)
{
    char *args[] = {"hub_token=x", "--hub_strategy=end"}, *wrong[] = {"hub=1"};
    struct some s;

    (void)state;
    ignored_count = 0;
    assert_ok(load(&s, 2, args));
    assert_int_equal(ignored_count, 2);
    assert_string_equal(ignored_why, "nothing is uploaded");
    conf_free(tables, &s);
    assert_err(ERR_PARSE, load(&s, 1, wrong));
    assert_null(strchr(err_text(), '*'));
    conf_free(tables, &s);
}

static void errors_name_what_and_the_nearest_key(void **state)
{
    static const struct {
        char *arg;
        const char *words;
    } bad[] = {
        {"stepz=1", "did you mean 'steps'"},
        {"steps=1.5", "not a whole number"},
        {"rate=7", "not in [0, 1]"},
        {"use_vllm=true", "drover generates itself"},
        {"steps=[1, 2]", "not a list"},
        {"shuffle=maybe", "neither true nor false"},
        {"hello", "expected FILE.yaml"},
        {"zzzzzzzzzzzzz=1", "--help"},
        {"--rate", "rate: a value is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *args[] = {bad[i].arg};
        struct some s;
        assert_int_not_equal(load(&s, 1, args), OK);
        if (!strstr(err_text(), bad[i].words))
            fail_msg("%s: %s", bad[i].arg, err_text());
        conf_free(tables, &s);
    }
}

/* A method's own table stands first: its default is the one that counts, and is shown. */
static void help_shows_each_key_once(void **state)
{
    static const struct conf_key own[] = {CONF_REAL(some, rate, "1e-6", 0, 1, "own rate"),
                                          CONF_TEXT(some, name, "\n", "a line's end"),
                                          CONF_END};
    static const struct conf_key *const both[] = {own, keys, NULL};
    char text[4096] = "";
    FILE *to = fmemopen(text, sizeof text, "w");

    (void)state;
    conf_help(both, to);
    fclose(to);
    assert_non_null(strstr(text, "own rate"));
    assert_non_null(strstr(text, "\\n           a line's end\n"));
    assert_null(strstr(text, "2e-5"));
    assert_non_null(strstr(text, "an optional rate"));
    assert_null(strstr(text, "fp16"));
}

static void yaml_is_bounded(void **state)
{
    static const char *const bad[] = {"a: &x 1\nb: *x\n", "[1, 2]", "a: 1\na: 2\n", "a: [1",
                                      "{{{{"};
    static const char *const good[] = {"---\na: 1\n...\n", "%YAML 1.1\n---\na: !!str 1\n",
                                       "a: 1\n# end\n"};
    static const char twice[] = "seed: 1\na: 1\n---\nseed: 2\n", tagged[] = "a: !ENV x\n";
    char deep[200] = "a: ";
    json_t *tree = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(config_tree_yaml(&tree, bad[i], strlen(bad[i]), "t.yaml"), OK);
    memset(deep + 3, '[', 30);
    memset(deep + 33, ']', 30);
    assert_err(ERR_RANGE, config_tree_yaml(&tree, deep, strlen(deep), "t.yaml"));
    assert_err(ERR_PARSE, config_tree_yaml(&tree, twice, strlen(twice), "t.yaml"));
    assert_non_null(strstr(err_text(), "t.yaml:3: a second document begins"));
    assert_err(ERR_PARSE, config_tree_yaml(&tree, tagged, strlen(tagged), "t.yaml"));
    assert_non_null(strstr(err_text(), "t.yaml:1: the tag !ENV is not known"));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(config_tree_yaml(&tree, good[i], strlen(good[i]), "t.yaml"));
        assert_string_equal(json_string_value(json_object_get(tree, "a")), "1");
        json_decref(tree);
    }
    assert_ok(config_tree_yaml(&tree, "", 0, "t.yaml"));
    assert_int_equal(json_object_size(tree), 0);
    json_decref(tree);
}

static void a_key_left_open_has_three_answers(void **state)
{
    static const struct {
        const char *text;
        int want;
    } words[] = {{"true", 1},  {"True", 1},  {"TRUE", 1},  {"yes", 1},   {"on", 1},
                 {"1", 1},     {"false", 0}, {"False", 0}, {"No", 0},    {"off", 0},
                 {"0", 0},     {NULL, -1},   {"", -1},     {"none", -1}, {"None", -1},
                 {"null", -1}, {"unset", -1}};
    int got;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        got = 7;
        assert_ok(conf_tristate(&got, "packed", words[i].text));
        assert_int_equal(got, words[i].want);
    }
    assert_err(ERR_PARSE, conf_tristate(&got, "packed", "maybe"));
    assert_non_null(strstr(err_text(), "packed: 'maybe'"));
    assert_err(ERR_PARSE, conf_tristate(&got, "packed", "2"));
}

static void a_word_is_one_of_a_list(void **state)
{
    static const char *const words[] = {"sum", "mean", NULL};
    int got = 7;

    (void)state;
    assert_ok(conf_word(&got, "reduce", "mean", words));
    assert_int_equal(got, 1);
    assert_err(ERR_RANGE, conf_word(&got, "reduce", "means", words));
    assert_string_equal(err_text(), "reduce: 'means': expected sum, mean");
    assert_err(ERR_RANGE, conf_word(&got, "reduce", NULL, words));
    assert_string_equal(err_text(), "reduce: '': expected sum, mean");
    assert_int_equal(got, 1);
}

static void durations(void **state)
{
    long ms = 0;

    (void)state;
    assert_ok(conf_duration_ms(&ms, "20s"));
    assert_int_equal(ms, 20000);
    assert_ok(conf_duration_ms(&ms, "500ms"));
    assert_int_equal(ms, 500);
    assert_err(ERR_PARSE, conf_duration_ms(&ms, "soon"));
}

/* How people name what is called otherwise here. */
static void hints_know_initials_and_words(void **state)
{
    static const struct conf_key rows[] = {{.name = "logging_steps"},
                                           {.name = "max_steps"},
                                           {.name = "learning_rate"},
                                           {.name = "num_train_epochs"},
                                           {.name = "per_device_train_batch_size"},
                                           {.name = "dtype"},
                                           {.name = "loss_type"},
                                           {.name = "model_name_or_path", .alias = "model"},
                                           {.name = "max_completion_length"},
                                           {.name = "output_dir"},
                                           {.name = NULL}};
    const struct conf_key *const names[] = {rows, NULL};
    static const char *const hint[][2] = {
        {"lr", "learning_rate"},        {"torch_dtype", "dtype"},
        {"epochs", "num_train_epochs"}, {"batch_size", "per_device_train_batch_size"},
        {"steps", "max_steps"},         {"base_model", "model_name_or_path"},
        {"mode", "model_name_or_path"}, {"learning_rat", "learning_rate"},
        {"output", "output_dir"},       {"max_completion_lenght", "max_completion_length"}};

    (void)state;
    for (size_t i = 0; i < sizeof hint / sizeof *hint; i++)
        assert_string_equal(conf_nearest(hint[i][0], names), hint[i][1]);
    assert_null(conf_nearest("zzzzzzzzzzzz", names));
    assert_null(conf_nearest("x", names));
    assert_null(conf_nearest("", names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_is_a_number),
        cmocka_unit_test(defaults_and_overrides),
        cmocka_unit_test(a_value_that_asks_for_nothing_is_not_told),
        cmocka_unit_test(a_star_ignores_a_family_of_keys),
        cmocka_unit_test(errors_name_what_and_the_nearest_key),
        cmocka_unit_test(hints_know_initials_and_words),
        cmocka_unit_test(help_shows_each_key_once),
        cmocka_unit_test(yaml_is_bounded),
        cmocka_unit_test(a_key_left_open_has_three_answers),
        cmocka_unit_test(a_word_is_one_of_a_list),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
