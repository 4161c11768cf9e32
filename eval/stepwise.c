#include "eval/stepwise.h"

#include "base/mem.h"
#include "lm/kernel/real.h"

#include <stdlib.h>

/* The solution as a list of steps; a new reference. */
static json_t *steps_of(const json_t *solution, const char *separator)
{
    size_t *end;
    int count;
    json_t *list;

    if (!json_is_string(solution))
        return json_incref((json_t *)(uintptr_t)solution);
    list = steps_cut(json_string_value(solution), json_string_length(solution), separator, &end,
                     &count);
    free(end);
    return list;
}

static enum err encode(struct steps *out, const struct open_model *loaded,
                       const struct stepwise *how, const json_t *prompt, json_t *list)
{
    const struct shape *shape = model_shape(loaded->model);
    const struct steps_rule rule = {
        .separator = how->separator, .bos = shape->bos, .max_prompt = how->max_prompt};
    json_t *row = json_object();
    enum err err;

    if (list)
        json_object_set(row, "completions", list);
    if (prompt)
        json_object_set(row, "prompt", (json_t *)(uintptr_t)prompt);
    err = steps_encode(out, row, &loaded->encode, &rule);
    json_decref(row);
    if (!err && out->n > shape->context) {
        err = err_set(ERR_RANGE, "%d tokens do not fit the model's context of %d", out->n,
                      shape->context);
        steps_free(out);
    }
    return err;
}

enum err stepwise_run(double **p, int *n, const struct open_model *loaded,
                      const struct stepwise *how, const json_t *prompt, const json_t *solution)
{
    json_t *list = steps_of(solution, how->separator);
    struct steps steps = {0};
    float *value = NULL;
    enum err err = OK;

    *n = 0;
    *p = NULL;
    if (json_is_string(solution) && !json_array_size(list)) {
        json_decref(list);
        return OK;
    }
    err = encode(&steps, loaded, how, prompt, list);
    json_decref(list);
    if (err)
        return err;
    const int seq[] = {0, steps.n};
    err = mem_big(&value, (size_t)steps.n, sizeof *value, "values");
    if (!err)
        err = forward_score(loaded->model, steps.ids, seq, 1, 1.0f, NULL, NULL, value);
    if (!err) {
        *n = steps.count;
        *p = mem_new((size_t)steps.count, sizeof **p);
        for (int i = 0; i < *n; i++)
            (*p)[i] = real_sigmoid((double)value[steps.end[i]]);
    }
    free(value);
    steps_free(&steps);
    return err;
}
