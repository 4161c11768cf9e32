/* A table of points by names. When it is full each second point goes and from then on only each
 * second line is kept, and so on: however long a run is, half the table or more is full and its
 * points lie evenly from the first line to now. The first line says which names there are; others
 * that come later join while there is room. Names that JSON would have to escape are left out. */

#include "broker/history.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "proto/limit.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

_Static_assert(HISTORY_POINTS *(HISTORY_NAMES *HISTORY_FIGURE + 20) +
                       HISTORY_NAMES * (HISTORY_NAME + 8) + 64 <=
                   MAX_JSON,
               "all of it fits its field");
_Static_assert(HISTORY_POINTS % 2 == 0, "halves are whole");

/* What is left out is not lost: the newest line of metrics is in each snapshot whole. */
static bool plain(const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\')
            return false;
    return n && n < HISTORY_NAME;
}

/* Its column; -1: there is none for it. */
static int column(struct history *h, const char *name)
{
    for (uint32_t i = 0; i < h->n_name; i++)
        if (!strcmp(h->name[i], name))
            return (int)i;
    if (h->n_name == HISTORY_NAMES || !plain(name))
        return -1;
    memcpy(h->name[h->n_name], name, strlen(name) + 1);
    for (uint32_t i = 0; i < h->n; i++)
        h->value[i][h->n_name] = NAN;
    return (int)h->n_name++;
}

static void halve(struct history *h)
{
    for (uint32_t i = 0; i < HISTORY_POINTS / 2; i++) {
        h->step[i] = h->step[2 * i];
        memmove(h->value[i], h->value[2 * i], sizeof h->value[i]);
    }
    h->n = HISTORY_POINTS / 2;
    h->every *= 2;
}

/* The run went back: what came after that is no more. */
static void forget(struct history *h, uint64_t step)
{
    while (h->n && h->step[h->n - 1] >= step)
        h->n--;
    h->told = h->n * h->every;
}

/* Figures as floats: four digits are drawn, and a table of doubles would be twice as large. */
static void keep(struct history *h, uint64_t step, json_t *line)
{
    const char *name;
    json_t *value;
    int at;

    for (int i = 0; i < HISTORY_NAMES; i++)
        h->value[h->n][i] = NAN;
    json_object_foreach(line, name, value)
    {
        at = json_is_number(value) ? column(h, name) : -1;
        if (at >= 0)
            h->value[h->n][at] = (float)json_number_value(value);
    }
    h->step[h->n++] = step;
}

void history_add(struct history *h, const struct id *run, uint64_t step, const char *metrics)
{
    json_t *line;

    if (!h->every || memcmp(&h->run, run, sizeof *run)) {
        memset(h, 0, sizeof *h);
        h->run = *run;
        h->every = 1;
    } else if (step == h->latest) {
        return;
    } else if (step < h->latest) {
        forget(h, step);
    }
    line = json_loads(metrics, 0, NULL);
    if (json_is_object(line)) {
        h->latest = step;
        if (h->told % h->every == 0) {
            if (h->n == HISTORY_POINTS)
                halve(h);
            if (h->told % h->every == 0)
                keep(h, step, line);
        }
        h->told++;
    }
    json_decref(line);
}

char *history_json(const struct history *h)
{
    struct strbuf out = {NULL, 0, 0};

    if (!h->n)
        return mem_text("");
    strbuf_print(&out, "{\"step\":[");
    for (uint32_t i = 0; i < h->n; i++)
        strbuf_print(&out, "%s%llu", i ? "," : "", (unsigned long long)h->step[i]);
    strbuf_print(&out, "],\"metrics\":{");
    for (uint32_t j = 0; j < h->n_name; j++) {
        strbuf_print(&out, "%s\"%s\":[", j ? "," : "", h->name[j]);
        for (uint32_t i = 0; i < h->n; i++)
            if (isfinite(h->value[i][j]))
                strbuf_print(&out, "%s%.4g", i ? "," : "", (double)h->value[i][j]);
            else
                strbuf_print(&out, "%snull", i ? "," : "");
        strbuf_print(&out, "]");
    }
    strbuf_print(&out, "}}");
    return out.text;
}
