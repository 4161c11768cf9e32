#include "learner/step/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(const struct metrics *meter, const char *name)
{
    for (int i = 0; i < meter->n; i++)
        if (!strcmp(meter->row[i].name, name))
            return i;
    return -1;
}

static int entered(struct metrics *meter, const char *name)
{
    int i = find(meter, name);

    if (i < 0) {
        assert(meter->n < METRICS_NAMES && strlen(name) < METRICS_NAME);
        i = meter->n++;
        memset(&meter->row[i], 0, sizeof(meter->row[i]));
        snprintf(meter->row[i].name, METRICS_NAME, "%s", name);
    }
    return i;
}

void metrics_extreme(struct metrics *meter, const char *name, double value, int sign)
{
    const int i = entered(meter, name);

    if (!isfinite(value))
        return;
    if (!(meter->row[i].weight > 0) || sign * (value - meter->row[i].sum) > 0)
        meter->row[i].sum = value;
    meter->row[i].weight = 1;
}

void metrics_add(struct metrics *meter, const char *name, double value, double weight)
{
    const int i = entered(meter, name);

    if (!isfinite(value) || !(weight > 0))
        return;
    meter->row[i].sum += value * weight;
    meter->row[i].weight += weight;
}

void metrics_clear(struct metrics *meter)
{
    memset(meter, 0, sizeof(*meter));
}

double metrics_mean(const struct metrics *meter, const char *name)
{
    const int i = find(meter, name);

    return i < 0 || !(meter->row[i].weight > 0) ? NAN
                                                : meter->row[i].sum / meter->row[i].weight;
}

void metrics_put(const struct metrics *meter, const char *prefix, json_t *object)
{
    for (int i = 0; i < meter->n; i++) {
        char name[2 * METRICS_NAME];
        if (!(meter->row[i].weight > 0))
            continue;
        snprintf(name, sizeof(name), "%s%s", prefix, meter->row[i].name);
        json_object_set_new(object, name, json_real(meter->row[i].sum / meter->row[i].weight));
    }
}

json_t *metrics_save(const struct metrics *meter)
{
    json_t *list = json_array();

    for (int i = 0; i < meter->n; i++) {
        char sum[40], weight[40];
        snprintf(sum, sizeof(sum), "%a", meter->row[i].sum);
        snprintf(weight, sizeof(weight), "%a", meter->row[i].weight);
        json_array_append_new(list, json_pack("[sss]", meter->row[i].name, sum, weight));
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
