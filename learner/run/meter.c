#include "learner/run/meter.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(const struct meter *meter, const char *name)
{
    for (int i = 0; i < meter->n; i++)
        if (!strcmp(meter->row[i].name, name))
            return i;
    return -1;
}

static int entered(struct meter *meter, const char *name)
{
    int i = find(meter, name);

    if (i < 0) {
        assert(meter->n < METER_NAMES && strlen(name) < METER_NAME);
        i = meter->n++;
        memset(&meter->row[i], 0, sizeof(meter->row[i]));
        snprintf(meter->row[i].name, METER_NAME, "%s", name);
    }
    return i;
}

void meter_extreme(struct meter *meter, const char *name, double value, int sign)
{
    const int i = entered(meter, name);

    if (!isfinite(value))
        return;
    if (!(meter->row[i].weight > 0) || sign * (value - meter->row[i].sum) > 0)
        meter->row[i].sum = value;
    meter->row[i].weight = 1;
}

void meter_add(struct meter *meter, const char *name, double value, double weight)
{
    const int i = entered(meter, name);

    if (!isfinite(value) || !(weight > 0))
        return;
    meter->row[i].sum += value * weight;
    meter->row[i].weight += weight;
}

void meter_clear(struct meter *meter)
{
    memset(meter, 0, sizeof(*meter));
}

double meter_mean(const struct meter *meter, const char *name)
{
    const int i = find(meter, name);

    return i < 0 || !(meter->row[i].weight > 0) ? NAN
                                                : meter->row[i].sum / meter->row[i].weight;
}

void meter_put(const struct meter *meter, const char *prefix, json_t *object)
{
    for (int i = 0; i < meter->n; i++) {
        char name[2 * METER_NAME];
        if (!(meter->row[i].weight > 0))
            continue;
        snprintf(name, sizeof(name), "%s%s", prefix, meter->row[i].name);
        json_object_set_new(object, name, json_real(meter->row[i].sum / meter->row[i].weight));
    }
}

json_t *meter_save(const struct meter *meter)
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

enum err meter_load(struct meter *out, const json_t *saved)
{
    size_t i;
    json_t *row;

    meter_clear(out);
    if (!json_is_array(saved) || json_array_size(saved) > METER_NAMES)
        return err_set(ERR_PARSE, "saved means are not a list");
    json_array_foreach((json_t *)(uintptr_t)saved, i, row)
    {
        const char *name, *sum, *weight;
        if (json_unpack(row, "[sss]", &name, &sum, &weight) || strlen(name) >= METER_NAME)
            return err_set(ERR_PARSE, "a saved mean is not [name, sum, weight]");
        snprintf(out->row[i].name, METER_NAME, "%s", name);
        out->row[i].sum = strtod(sum, NULL);
        out->row[i].weight = strtod(weight, NULL);
        out->n++;
    }
    return OK;
}
