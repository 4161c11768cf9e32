/* One pass over the items (two for consensus, whose model comes first; two for CSV, whose
 * columns must be known). An item's part is its prompt's: all of what people said of a prompt
 * is in one part, and no prompt of the test part was trained on. */

#include "annotate/exchange/export.h"

#include "annotate/exchange/csv_line.h"
#include "annotate/exchange/export_row.h"
#include "base/mem.h"
#include "data/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const export_words[EXPORT_FORMATS + 1] = {
    "auto", "preference", "trajectory", "unpaired", "stepwise",
    "sft",  "arena",      "judgements", "csv",      NULL};

struct exporting {
    struct prefs *prefs;
    const struct export_rule *rule;
    enum err (*sink)(void *self, const json_t *row);
    void *self;
    struct export_count *count;
    struct labels labels;
    struct labels_model *model;
};

/* As `drover data split` divides: an item without a prompt is its own. */
static enum err in_part(const struct prefs_item *item, const struct export_rule *rule, bool *in)
{
    json_t *row;
    double share;
    enum err err;

    *in = true;
    if (rule->part == EXPORT_WHOLE)
        return OK;
    row = json_object();
    if (item->prompt)
        json_object_set(row, "prompt", item->prompt);
    else
        json_object_set_new(row, "prompt", json_string(item->key));
    err = stream_share(&share, row, rule->seed, false);
    json_decref(row);
    *in = (share < rule->test_size) == (rule->part == EXPORT_TEST);
    return err;
}

/* Rows are counted when they are taken: a full disk does not count. */
static enum err give(struct exporting *x, json_t *row)
{
    const enum err err = row ? x->sink(x->self, row) : OK;

    x->count->rows += row && !err;
    json_decref(row);
    return err;
}

/* Both rows of a label or none: a pair of unpaired rows is one judgement. */
static enum err give_labels(struct exporting *x, const struct prefs_item *item)
{
    enum err err = OK;

    for (size_t i = 0; i < x->labels.n && !err; i++) {
        json_t *second;
        err = give(x, export_row_label(item, &x->labels.one[i], x->rule, &second, x->count));
        if (!err)
            err = give(x, second);
        else
            json_decref(second);
    }
    return err;
}

/* In the order in which people judged. */
static enum err give_said(struct exporting *x, const struct gather *gather)
{
    enum err err = OK;

    for (size_t i = 0; i < gather->n && !err; i++) {
        json_t *const row =
            export_row_said(x->prefs, gather->item, &gather->said[i], x->rule->format);
        x->count->left_out += !row;
        err = give(x, row);
    }
    return err;
}

static enum err visit(void *self, const struct gather *gather)
{
    struct exporting *const x = self;
    const size_t before = x->count->rows;
    bool in = false;
    enum err err = OK;

    /* The model counts pairs as they pass: it is asked of every item, whatever its part. */
    if (x->rule->format < EXPORT_ARENA)
        err = labels_of(&x->labels, gather, x->rule->how, x->model);
    if (!err)
        err = in_part(gather->item, x->rule, &in);
    if (err || !in)
        return err;
    if (x->rule->format < EXPORT_ARENA) {
        x->count->undecided += x->labels.undecided;
        x->count->decided += x->labels.decided;
        err = give_labels(x, gather->item);
    } else {
        err = give_said(x, gather);
    }
    x->count->items += x->count->rows > before;
    return err;
}

/* The model of consensus is fitted on the whole store, also for one part of it: who is
 * reliable is no secret that a test set must keep. */
enum err export_visit(struct prefs *prefs, const struct export_rule *rule,
                      enum err (*sink)(void *self, const json_t *row), void *self,
                      struct export_count *count)
{
    struct exporting x = {
        .prefs = prefs, .rule = rule, .sink = sink, .self = self, .count = count};
    enum err err = OK;

    *count = (struct export_count){0};
    if (rule->format < EXPORT_ARENA)
        err = labels_fit(&x.model, prefs, rule->how);
    if (!err)
        err = gather_visit(prefs, visit, &x);
    labels_model_free(x.model);
    labels_free(&x.labels);
    return err;
}

/* ---- lines */

struct lines {
    enum err (*sink)(void *self, const char *line, size_t n);
    void *self;
    const char **columns; /* NULL: JSON lines */
    struct strbuf buf;
};

/* One buffer for all lines: it grows to the longest. */
static enum err line(void *self, const json_t *row)
{
    struct lines *const l = self;
    char *dump;
    enum err err;

    l->buf.n = 0;
    if (l->columns) {
        csv_line_put(&l->buf, row, l->columns);
        return l->sink(l->self, l->buf.text, l->buf.n);
    }
    dump = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!dump)
        return err_set(ERR_NOMEM, "no memory for a row");
    strbuf_print(&l->buf, "%s\n", dump);
    free(dump);
    err = l->sink(l->self, l->buf.text, l->buf.n);
    return err;
}

struct widest {
    int n;
    bool fleet; /* an item is of one */
};

/* One look at every item: the columns of a table must be known before its first line. */
static enum err widest(void *self, const struct prefs_item *item)
{
    struct widest *const w = self;

    w->n = item->n > w->n ? item->n : w->n;
    w->fleet |= item->origin != NULL;
    return OK;
}

/* Columns of the table, as many answers as the widest item has, and of which run they are where any
 * is of one. The names are made once: a store has at most PREFS_CANDIDATES_MAX. */
static enum err columns_of(const char **columns, char (*names)[24], struct prefs *prefs)
{
    static const char *const first[] = {
        "item",  "mode",    "annotator", "why",      "verdict",   "choice",
        "step",  "ranking", "text",      "strength", "criteria",  "reason",
        "flags", "seconds", "time",      "order",    "guideline", "prompt"};
    size_t n = sizeof first / sizeof *first;
    struct widest w = {.n = 0};
    const enum err err = prefs_item_visit(prefs, widest, &w);

    memcpy(columns, first, sizeof first);
    if (w.fleet) {
        columns[n++] = "run";
        columns[n++] = "version";
    }
    for (int i = 0; i < w.n; i++) {
        snprintf(names[2 * i], sizeof *names, "answer_%d", i);
        snprintf(names[2 * i + 1], sizeof *names, "model_%d", i);
        columns[n++] = names[2 * i];
        columns[n++] = names[2 * i + 1];
    }
    columns[n] = NULL;
    return err;
}

enum err export_run(struct prefs *prefs, const struct export_rule *rule,
                    enum err (*sink)(void *self, const char *line, size_t n), void *self,
                    struct export_count *count)
{
    const char *columns[32 + 2 * PREFS_CANDIDATES_MAX];
    char names[2 * PREFS_CANDIDATES_MAX][24];
    struct lines l = {.sink = sink, .self = self};
    enum err err = OK;

    if (rule->format == EXPORT_CSV) {
        l.columns = columns;
        err = columns_of(columns, names, prefs);
        csv_line_names(&l.buf, columns);
        if (!err)
            err = sink(self, l.buf.text, l.buf.n);
    }
    if (!err)
        err = export_visit(prefs, rule, line, &l, count);
    free(l.buf.text);
    return err;
}

char *export_told(const struct export_rule *rule, const struct export_count *count)
{
    struct strbuf out = {0};
    const size_t ties = count->ties + count->both_bad;

    if (ties && rule->drop_ties)
        strbuf_print(&out, "; %zu ties and %zu pairs of bad answers left out (ties=drop)",
                     count->ties, count->both_bad);
    else if (ties && rule->format != EXPORT_UNPAIRED)
        strbuf_print(&out,
                     "; %zu ties and %zu pairs of bad answers are rows with tie: true, which "
                     "drover's methods read and TRL does not (ties=drop leaves them out)",
                     count->ties, count->both_bad);
    if (count->undecided)
        strbuf_print(&out, "; %zu without a label: as many people say one as the other",
                     count->undecided);
    if (count->decided)
        strbuf_print(&out, "; %zu items as a reviewer decided", count->decided);
    if (count->left_out)
        strbuf_print(&out, "; %zu judgements or labels have no row in format %s",
                     count->left_out, export_words[rule->format]);
    if (count->same)
        strbuf_print(&out, "; %zu labels of two equal answers left out", count->same);
    if (!out.text)
        return NULL;
    memmove(out.text, out.text + 2, out.n - 1); /* with its zero, without the first "; " */
    return out.text;
}
