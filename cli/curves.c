/* The broker tells the history once, to who subscribes; after that each snapshot has the newest line of
 * metrics whole. What of it is drawn is chosen by name: the first of each kind's names that the line
 * has. A line of a step that is not after the last is another run's, or one that was taken back: what
 * was drawn from there on goes.
 *
 * Points have steps, and a column of the drawing is a stretch of steps: its mean. So it does not
 * matter that the history is thinned out and what came later is not. */

#include "cli/curves.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS = 8, COLUMNS = 40, LEAST = 6, LABEL = 24, NAMES = 4 };

static const struct {
    const char *label, *name[NAMES];
} kinds[CURVES_SERIES] = {
    {"reward", {"reward", "objective/scores", "rewards/margins", "rewards/accuracies"}},
    {"loss", {"loss", "loss/policy_avg", "policy_loss", "nll"}},
    {"kl", {"kl", "objective/kl", "policy/approxkl_avg", NULL}},
};

/* ---- taking in */

/* Half of them are enough to draw from: the older ones, which are dense. */
static void thin(struct curves_series *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n; i += 2, n++) {
        s->step[n] = s->step[i];
        s->value[n] = s->value[i];
    }
    s->n = n;
}

static void add(struct curves_series *s, uint64_t step, double value)
{
    while (s->n && s->step[s->n - 1] >= step)
        s->n--;
    if (!isfinite(value))
        return;
    if (s->n == CURVES_POINTS)
        thin(s);
    s->step[s->n] = step;
    s->value[s->n++] = value;
}

/* The first of the kind's names that `object` has; NULL: none. */
static json_t *find(const json_t *object, int kind, char name[CURVES_NAME])
{
    for (int i = 0; i < NAMES && kinds[kind].name[i]; i++) {
        json_t *value = json_object_get(object, kinds[kind].name[i]);

        if (value) {
            snprintf(name, CURVES_NAME, "%s", kinds[kind].name[i]);
            return value;
        }
    }
    return NULL;
}

static void take_history(struct curves *c, const char *text)
{
    json_t *tree = json_loads(text, 0, NULL);
    const json_t *const step = json_object_get(tree, "step");
    const json_t *const metrics = json_object_get(tree, "metrics");

    for (int k = 0; k < CURVES_SERIES; k++) {
        struct curves_series *s = &c->series[k];
        const json_t *column;

        memset(s, 0, sizeof *s);
        column = find(metrics, k, s->name);
        for (size_t i = 0; i < json_array_size(column) && i < json_array_size(step); i++)
            if (json_is_number(json_array_get(column, i)))
                add(s, (uint64_t)json_integer_value(json_array_get(step, i)),
                    json_number_value(json_array_get(column, i)));
    }
    json_decref(tree);
}

static void take_line(struct curves *c, uint64_t step, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);

    for (int k = 0; k < CURVES_SERIES; k++) {
        const json_t *const value = find(line, k, c->series[k].name);

        if (json_is_number(value))
            add(&c->series[k], step, json_number_value(value));
    }
    json_decref(line);
}

void curves_take(struct curves *c, const struct msg_stats *s)
{
    c->tokens_s[c->n++ % CURVES_SECONDS] = s->tokens_s;
    if (s->history && *s->history)
        take_history(c, s->history);
    if ((s->history && *s->history) || s->step != c->step)
        take_line(c, s->step, s->metrics ? s->metrics : "");
    c->step = s->step;
}

/* ---- drawing */

struct pen {
    char *out;
    size_t n, room;
    bool ascii;
};

static void write_text(struct pen *pen, const char *text)
{
    const size_t n = strlen(text);

    if (pen->n + n < pen->room) {
        memcpy(pen->out + pen->n, text, n + 1);
        pen->n += n;
    }
}

/* Blocks of an eighth to eight eighths of a line. */
static void write_level(struct pen *pen, double share)
{
    static const char ascii[LEVELS + 1] = "_.-:=+*#";
    const int level = share < 0 ? 0 : share >= 1 ? LEVELS - 1 : (int)(share * LEVELS);
    char block[4] = {'\xe2', '\x96', (char)('\x81' + level), 0};

    if (pen->ascii)
        block[0] = ascii[level], block[1] = 0;
    write_text(pen, block);
}

/* A column without a figure stands at the one before. All alike are in the middle. */
static void write_columns(struct pen *pen, const double *column, int n)
{
    double least = INFINITY, most = -INFINITY, last = 0;

    for (int i = 0; i < n; i++)
        if (isfinite(column[i])) {
            least = fmin(least, column[i]);
            most = fmax(most, column[i]);
        }
    for (int i = 0; i < n; i++) {
        last = isfinite(column[i]) ? column[i] : last;
        write_level(pen, most > least ? (last - least) / (most - least) : .5);
    }
}

/* Label and newest value take what they take; drawings share the rest of the line. */
struct drawing {
    const struct curves_series *series; /* NULL: tokens/s */
    char label[LABEL], value[LABEL];
};

static int spread_tokens(const struct curves *c, double column[COLUMNS], int width)
{
    const int n = c->n < CURVES_SECONDS ? (int)c->n : CURVES_SECONDS;
    const int shown = n < width ? n : width;

    for (int i = 0; i < shown; i++)
        column[i] = c->tokens_s[(c->n - (uint32_t)(shown - i)) % CURVES_SECONDS];
    return shown;
}

static int spread_series(const struct curves_series *s, double column[COLUMNS], int width)
{
    const uint64_t first = s->step[0], span = s->step[s->n - 1] - first + 1;
    const int shown = span < (uint64_t)width ? (int)span : width;
    uint32_t in[COLUMNS] = {0};

    for (int i = 0; i < shown; i++)
        column[i] = NAN;
    for (uint32_t i = 0; i < s->n; i++) {
        const int at = (int)((double)(s->step[i] - first) / (double)span * shown);

        column[at] =
            in[at] ? column[at] + (s->value[i] - column[at]) / (in[at] + 1) : s->value[i];
        in[at]++;
    }
    return shown;
}

static int plan(const struct curves *c, struct drawing out[CURVES_SERIES + 1])
{
    int n = 0;

    out[n] = (struct drawing){.label = "tokens/s "};
    snprintf(out[n++].value, LABEL, " %.0f  ",
             c->n ? c->tokens_s[(c->n - 1) % CURVES_SECONDS] : 0);
    for (int k = 0; k < CURVES_SERIES; k++) {
        const struct curves_series *const s = &c->series[k];

        if (s->n < 2)
            continue;
        out[n].series = s;
        snprintf(out[n].label, LABEL, "%s ", kinds[k].label);
        snprintf(out[n++].value, LABEL, " %.3g  ", s->value[s->n - 1]);
    }
    return n;
}

/* Of each drawing of the first n; below LEAST there is no room for so many. */
static int width_of(const struct drawing *drawing, int n, int width)
{
    for (int i = 0; i < n; i++)
        width -= (int)(strlen(drawing[i].label) + strlen(drawing[i].value));
    width /= n;
    return width < COLUMNS ? width : COLUMNS;
}

size_t curves_line(const struct curves *c, char *out, size_t room, int width, bool ascii)
{
    static const char title[] = "curves   ";
    struct drawing drawing[CURVES_SERIES + 1];
    double column[COLUMNS];
    struct pen pen = {out, 0, room, ascii};
    int n = plan(c, drawing), each;

    *out = 0;
    width -= (int)sizeof title - 1;
    while (n > 1 && width_of(drawing, n, width) < LEAST)
        n--;
    each = width_of(drawing, n, width);
    if (each < LEAST)
        return 0;
    write_text(&pen, title);
    for (int i = 0; i < n; i++) {
        const struct curves_series *const s = drawing[i].series;

        write_text(&pen, drawing[i].label);
        write_columns(&pen, column,
                      s ? spread_series(s, column, each) : spread_tokens(c, column, each));
        write_text(&pen, drawing[i].value);
    }
    return pen.n;
}
