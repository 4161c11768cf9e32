#include "tests/learner/trl.h"

#include "base/fs.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *numbers;

int trl_golden(const char *golden, const char *file)
{
    if (chdir(golden)) /* the runs' files name their data from there */
        return -1;
    numbers = json_load_file(file, 0, NULL);
    return numbers ? 0 : -1;
}

int trl_close(void **state)
{
    json_decref(numbers);
    return scratch_close(state);
}

const json_t *trl_of(const char *run, const char *part)
{
    return json_object_get(json_object_get(numbers, run), part);
}

json_t *trl_lines(const char *dir, const char *key)
{
    char path[256], line[4096];
    json_t *list = json_array();
    FILE *file;

    snprintf(path, sizeof(path), "%s/metrics.jsonl", dir);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        if (json_object_get(object, key))
            json_array_append(list, object);
        json_decref(object);
    }
    fclose(file);
    return list;
}

void trl_splits(const char *dir, const char *records)
{
    static const char *const splits[] = {"train", "test"};
    char path[256];

    assert_ok(fs_mkdir(dir));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s.jsonl", dir, splits[i]);
        assert_int_equal(symlink(records, path), 0);
    }
}

void trl_near(const char *what, double got, double want, double relative, double absolute)
{
    if (!(fabs(got - want) <= fmax(absolute, relative * fabs(want))))
        fail_msg("%s: %.9g, TRL has %.9g", what, got, want);
}

/* Evaluations are of one model; steps drift apart as float32 does. */
void trl_figures(const char *name, const json_t *want, const json_t *got)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        char what[128];
        const json_t *ours = json_object_get(got, key);
        const bool reward = strstr(key, "reward") || strstr(key, "margin");
        snprintf(what, sizeof(what), "%s %s", name, key);
        if (!ours)
            fail_msg("%s is missing", what);
        trl_near(what, json_number_value(ours), json_number_value(value),
                 strstr(key, "eval_") ? 2e-6
                 : reward             ? 0
                                      : 1e-3,
                 reward ? 1e-5 : 1e-9);
    }
}
