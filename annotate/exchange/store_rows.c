/* The store is read whole at the opening and closed again, so that its lock is held for that
 * moment alone; rows wait as lines of text in a spool, which lies on disk where it is large.
 * What of the judgements became no row is said once, on stderr. */

#include "annotate/exchange/store_rows.h"

#include "annotate/exchange/export.h"
#include "base/mem.h"
#include "base/say.h"
#include "base/spool.h"
#include "data/rows.h"
#include "prefs/prefs.h"

#include <stdlib.h>
#include <string.h>

enum { IN_MEMORY = 64 << 20 };

struct store_rows {
    struct spool *spool;
    char *text;
    size_t used, at;
};

/* Also of one whose opening failed half way. */
static void close_rows(void *self)
{
    struct store_rows *const rows = self;

    spool_free(rows->spool);
    free(rows);
}

static enum err keep(void *self, const char *line, size_t n)
{
    struct store_rows *const rows = self;
    const enum err err = spool_room(rows->spool, rows->used + n, &rows->text);

    if (err)
        return err;
    memcpy(rows->text + rows->used, line, n);
    rows->used += n;
    spool_seen(rows->spool, n);
    return OK;
}

static enum err read_store(struct store_rows *rows, const char *path,
                           const struct export_rule *rule)
{
    struct export_count count;
    struct prefs *prefs;
    char *told;
    enum err err = prefs_open(&prefs, path, PREFS_READ);

    if (err)
        return err;
    err = export_run(prefs, rule, keep, rows, &count);
    prefs_close(prefs);
    if (err)
        return err_add("%s", path);
    told = export_told(rule, &count);
    say(stderr, "data: %s: labels=%s: %zu rows of %zu items%s%s\n", path,
        labels_words[rule->how], count.rows, count.items, told ? "; " : "", told ? told : "");
    free(told);
    return OK;
}

static enum err open_rows(void **out, const char *path, const char *labels)
{
    struct export_rule rule = {.format = EXPORT_AUTO};
    struct store_rows *rows;
    int how = LABELS_EACH;
    enum err err = labels && *labels ? words_find(&how, labels_words, "labels", labels) : OK;

    if (err)
        return err;
    rule.how = (enum labels_how)how;
    rows = mem_new(1, sizeof *rows);
    rows->spool = spool_new(NULL, IN_MEMORY, "a store's rows");
    err = read_store(rows, path, &rule);
    if (err)
        close_rows(rows);
    else
        *out = rows;
    return err;
}

/* What was written a moment ago is read back as strictly as any file: the spool may lie on a
 * disk. */
static enum err next_row(void *self, json_t **out)
{
    struct store_rows *const rows = self;
    const char *line, *end;
    json_error_t why;

    *out = NULL;
    if (rows->at == rows->used)
        return OK;
    line = rows->text + rows->at;
    end = memchr(line, '\n', rows->used - rows->at);
    *out = json_loadb(line, (size_t)(end - line), 0, &why);
    rows->at += (size_t)(end - line) + 1;
    spool_seen(rows->spool, (size_t)(end - line));
    return *out ? OK
                : err_set(ERR_IO, "a row that was put aside is not what it was: %s", why.text);
}

void store_rows_serve(void)
{
    static const struct rows_source source = {open_rows, next_row, close_rows};

    rows_serve(&source);
}
