#include "tests/prefs/trade.h"

#include "base/strbuf.h"
#include "prefs/copy.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static int stores;

struct prefs *trade_fresh(void)
{
    static const uint8_t secret[PREFS_SECRET] = "another secret of thirty-two by.";
    const struct prefs_settings settings = study_settings(1, 1);
    char name[32];

    snprintf(name, sizeof name, "exchange%d.db", stores++);
    assert_ok(prefs_create(scratch_at(name), &settings, secret, STUDY_START));
    return study_open(scratch_at(name));
}

const char *trade_put(const char *name, const char *text)
{
    const char *const path = scratch_at(name);
    FILE *const to = fopen(path, "w");

    assert_non_null(to);
    fputs(text, to);
    assert_int_equal(fclose(to), 0);
    return path;
}

static enum err append(void *self, const char *line, size_t n)
{
    strbuf_put(self, line, n);
    return OK;
}

char *trade_exported(struct prefs *prefs, const struct export_rule *rule,
                     struct export_count *count)
{
    struct strbuf out = {0};

    strbuf_put(&out, "", 0);
    assert_ok(export_run(prefs, rule, append, &out, count));
    return out.text;
}

void trade_import_ok(struct prefs *prefs, const char *name, const char *text,
                     struct import_count *count)
{
    const struct import_rule rule = {.verdicts = true};

    assert_ok(import_file(prefs, trade_put(name, text), &rule, STUDY_START, count));
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
}

void trade_assert_rows(const char *got, const char *wanted)
{
    while (*got || *wanted) {
        const char *const end = strchr(got, '\n'), *const until = strchr(wanted, '\n');
        json_t *a, *b;
        if (!end || !until)
            fail_msg("left: '%s' against '%s'", got, wanted);
        a = json_loadb(got, (size_t)(end - got), 0, NULL);
        b = json_loadb(wanted, (size_t)(until - wanted), 0, NULL);
        if (!a || !json_equal(a, b))
            fail_msg("%.*s\nis not\n%.*s", (int)(end - got), got, (int)(until - wanted),
                     wanted);
        json_decref(a);
        json_decref(b);
        got = end + 1;
        wanted = until + 1;
    }
}
