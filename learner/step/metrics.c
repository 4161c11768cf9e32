/* A table of [name, sum, weight], searched from the front: there are tens of names, and a name
 * costs nothing beside a forward pass. Names are copied, for a window of the log outlives the
 * objective's constants in a checkpoint: metrics_save writes the sums as hexadecimal floats, so
 * that a run that goes on has every bit of the means that it had begun. */
#include "learner/step/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(const struct metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->n; i++)
        if (!strcmp(metrics->row[i].name, name))
            return i;
    return -1;
}

/* A name is entered when it is first given, even with nothing to add: the order of a log
 * line is then that of the first micro-batch, whatever the others bring. */
static int entered(struct metrics *metrics, const char *name)
{
    int i = find(metrics, name);

    if (i < 0) {
        assert(metrics->n < METRICS_NAMES && strlen(name) < METRICS_NAME);
        i = metrics->n++;
        memset(&metrics->row[i], 0, sizeof(metrics->row[i]));
        snprintf(metrics->row[i].name, METRICS_NAME, "%s", name);
    }
    return i;
}

void metrics_add(struct metrics *metrics, const char *name, double sum, double weight)
{
    const int i = entered(metrics, name);

    if (!isfinite(sum) || !(weight > 0))
        return;
    metrics->row[i].sum += sum;
    metrics->row[i].weight += weight;
}

/* The least, or the most, of what was ever given. */
static void extreme(struct metrics *metrics, const struct objective_metric *one)
{
    const int i = entered(metrics, one->name), sign = one->kind == OBJECTIVE_LEAST ? -1 : 1;
    const double value = one->weight > 0 ? one->sum / one->weight : 0;

    if (!isfinite(value))
        return;
    if (!(metrics->row[i].weight > 0) || sign * (value - metrics->row[i].sum) > 0)
        metrics->row[i].sum = value;
    metrics->row[i].weight = 1;
}

void metrics_take(struct metrics *metrics, const struct objective_metric *one)
{
    if (one->kind == OBJECTIVE_MEAN)
        metrics_add(metrics, one->name, one->sum, one->weight);
    else
        extreme(metrics, one);
}

double metrics_sum(const struct metrics *metrics, const char *name)
{
    const int i = find(metrics, name);

    return i < 0 ? 0 : metrics->row[i].sum;
}

void metrics_clear(struct metrics *metrics)
{
    memset(metrics, 0, sizeof(*metrics));
}

double metrics_mean(const struct metrics *metrics, const char *name)
{
    const int i = find(metrics, name);

    return i < 0 || !(metrics->row[i].weight > 0)
               ? NAN
               : metrics->row[i].sum / metrics->row[i].weight;
}

void metrics_put(const struct metrics *metrics, const char *prefix, json_t *object)
{
    for (int i = 0; i < metrics->n; i++) {
        char name[2 * METRICS_NAME];
        if (!(metrics->row[i].weight > 0))
            continue;
        snprintf(name, sizeof(name), "%s%s", prefix, metrics->row[i].name);
        json_object_set_new(object, name,
                            json_real(metrics->row[i].sum / metrics->row[i].weight));
    }
}

/* %a is exact and short; a decimal of nine digits would move the mean that a resumed run
 * prints. */
json_t *metrics_save(const struct metrics *metrics)
{
    json_t *list = json_array();

    for (int i = 0; i < metrics->n; i++) {
        char sum[40], weight[40];
        snprintf(sum, sizeof(sum), "%a", metrics->row[i].sum);
        snprintf(weight, sizeof(weight), "%a", metrics->row[i].weight);
        json_array_append_new(list, json_pack("[sss]", metrics->row[i].name, sum, weight));
    }
    return list;
}

enum err metrics_load(struct metrics *out, const json_t *saved)
{
    size_t i;
    json_t *row;

    metrics_clear(out);
    if (!json_is_array(saved) || json_array_size(saved) > METRICS_NAMES)
        return err_set(ERR_PARSE, "saved means are not a list");
    json_array_foreach((json_t *)(uintptr_t)saved, i, row)
    {
        const char *name, *sum, *weight;
        if (json_unpack(row, "[sss]", &name, &sum, &weight) || strlen(name) >= METRICS_NAME)
            return err_set(ERR_PARSE, "a saved mean is not [name, sum, weight]");
        snprintf(out->row[i].name, METRICS_NAME, "%s", name);
        out->row[i].sum = strtod(sum, NULL);
        out->row[i].weight = strtod(weight, NULL);
        out->n++;
    }
    return OK;
}
