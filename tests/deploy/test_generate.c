/* Ready files with a fleet's figures in them: as they stand with the default ones, so each can be
 * used by hand; with others these are in, and only in the lines that say so. */
#include "base/fs.h"
#include "deploy/generate.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct generate_value usual[] = {
    {"actors", "4"},
    {"rewarders", "1"},
    {"slots", "16"},
    {"threads", "4"},
    {"port", "5555"},
    {"bulk", "5556"},
    {"dashboard", "5560"},
    {"reached", ""},
    {"listen", "0.0.0.0:5555"},
    {"head", "HEAD:5555"},
    {"share", "emptyDir: {}"},
    {"workersoption", "\"workers={}\""},
    {"workersword", "'{}'"},
    {"most", "16"},
    {"image", "localhost/drover:" DROVER_VERSION},
    {"method", "ppo"},
    {NULL, NULL},
};

static void each_is_what_it_says_with_usual_figures(void **state)
{
    int n = 0;

    (void)state;
    for (const struct generate_file *f = generate_files; f->path; f++, n++) {
        char *text = NULL;
        assert_err(OK, generate_fill(&text, f->text, usual));
        assert_string_equal(text, f->text);
        free(text);
    }
    assert_true(n >= 13);
}

/* What the Containerfile says to build is what the other files ask for. */
static void an_image_is_called_one_name(void **state)
{
    (void)state;
    for (const struct generate_file *f = generate_files; f->path; f++)
        if (!strcmp(f->path, "container/Containerfile")) {
            assert_non_null(
                strstr(f->text, " build -t localhost/drover:" DROVER_VERSION " image"));
            return;
        }
    fail_msg("no Containerfile");
}

static void figures_go_where_they_are_asked_for(void **state)
{
    static const struct generate_value values[] = {
        {"actors", "9"}, {"image", "a/b:c"}, {NULL, NULL}};
    char *text = NULL;

    (void)state;
    assert_err(OK,
               generate_fill(
                   &text,
                   "4\n  # fleet.yaml: n: {actors}, ${actors} {\"x\": {image}} {} {\n  n: 4\n"
                   "n: 4\n# fleet.yaml: last {actors}\nlast 4",
                   values));
    assert_string_equal(
        text,
        "4\n  # fleet.yaml: n: {actors}, ${actors} {\"x\": {image}} {} {\n"
        "  n: 9, ${actors} {\"x\": a/b:c} {} {\nn: 4\n# fleet.yaml: last {actors}\nlast 9");
    free(text);
}

static void a_name_without_value_is_an_error(void **state)
{
    char *text = NULL;

    (void)state;
    assert_err(ERR_RANGE, generate_fill(&text, "# fleet.yaml: {nobody}\nx\n", usual));
    assert_null(text);
}

static void a_kind_is_written_whole_or_refused(void **state)
{
    char folder[] = "/tmp/drover-generate-XXXXXX", path[80], *text = NULL;
    size_t n;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/slurm", folder);
    assert_err(OK, generate_write("slurm", path, usual, NULL));
    snprintf(path, sizeof path, "%s/slurm/actors.sbatch", folder);
    assert_err(OK, fs_read(&text, &n, path, 1 << 20));
    assert_non_null(strstr(text, "\n#SBATCH --array=1-4\n"));
    free(text);
    snprintf(path, sizeof path, "%s/slurm/control.sbatch", folder);
    assert_true(fs_exists(path));
    assert_err(ERR_PARSE, generate_write("slur", path, usual, NULL));
    assert_err(ERR_PARSE, generate_write("", path, usual, NULL));
    assert_err(OK, fs_remove(folder));
}

static void kinds_are_named_once(void **state)
{
    char *kinds = generate_kinds();

    (void)state;
    assert_non_null(strstr(kinds, "kubernetes"));
    assert_non_null(strstr(kinds, "slurm"));
    assert_null(strstr(strstr(kinds, "slurm") + 1, "slurm"));
    free(kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_what_it_says_with_usual_figures),
        cmocka_unit_test(an_image_is_called_one_name),
        cmocka_unit_test(figures_go_where_they_are_asked_for),
        cmocka_unit_test(a_name_without_value_is_an_error),
        cmocka_unit_test(a_kind_is_written_whole_or_refused),
        cmocka_unit_test(kinds_are_named_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
