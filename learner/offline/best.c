/* How it works: cycle asks best_judge behind each evaluation and saves a checkpoint when it says
 * so; the step and the figure are part of a checkpoint (resume_state), so a run that goes on
 * compares with what it had. resume keeps the checkpoint of that step from being trimmed, and
 * offline, before the model is written, has it take the weights out of it. The figure's name is that
 * of a line of metrics.jsonl, with or without eval_. */
#include "learner/offline/best.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "eval_";

void best_begin(struct resume *resume, const struct keys *keys, const struct keys_plan *plan)
{
    if (!plan->best)
        return;
    resume->metric = keys->metric_for_best_model ? keys->metric_for_best_model : "loss";
    resume->greater = plan->greater;
}

/* With or without the prefix: both are written. */
static char *figure(const char *metric)
{
    const bool whole = !strncmp(metric, prefix, strlen(prefix));

    return mem_print("%s%s", whole ? "" : prefix, metric);
}

static enum err no_such(const json_t *line, const char *name)
{
    struct strbuf list = {0};
    const char *key;
    json_t *value;
    enum err err;

    strbuf_put(&list, "", 0);
    json_object_foreach((json_t *)(uintptr_t)line, key, value)
    {
        if (!strncmp(key, prefix, strlen(prefix)) && json_is_number(value))
            strbuf_print(&list, "%s%s", *list.text ? ", " : "", key);
    }
    err = err_set(ERR_RANGE, "metric_for_best_model: an evaluation has no %s; it has %s", name,
                  list.text);
    free(list.text);
    return err;
}

enum err best_judge(const struct resume *resume, const json_t *line, int64_t step,
                    struct resume_best *best, bool *better)
{
    char *name = resume->metric ? figure(resume->metric) : NULL;
    const json_t *value = name ? json_object_get(line, name) : NULL;
    const double now = json_number_value(value);
    enum err err = OK;

    *better = false;
    if (name && !json_is_number(value))
        err = no_such(line, name);
    /* Strictly better: of equals the first stays, as in transformers. NaN never is. */
    else if (name)
        *better = best->step < 1 ? now == now
                                 : (resume->greater ? now > best->value : now < best->value);
    if (*better)
        *best = (struct resume_best){step, now};
    free(name);
    return err;
}

static bool none(const struct resume *resume, const struct resume_best *best)
{
    return !resume->metric || best->step < 1;
}

json_t *best_json(const struct resume *resume, const struct resume_best *best)
{
    char *name = none(resume, best) ? NULL : figure(resume->metric);
    json_t *json = NULL;

    if (name)
        json = json_pack("{s:I, s:f}", "step", (json_int_t)best->step, name, best->value);
    free(name);
    return json;
}

/* Which step's weights a model has is the first thing to know of it. */
char *best_words(const struct resume *resume, const struct resume_best *best)
{
    char *name = none(resume, best) ? NULL : figure(resume->metric), *words = NULL;

    if (name)
        words = mem_print("step %" PRId64 ", %s %.6g", best->step, name, best->value);
    free(name);
    return words;
}
