#include "tests/learner/trl.h"

#include "base/fs.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

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
