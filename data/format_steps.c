/* Solutions step by step, with what people said of each step: PRM800K, PRMBench, BIG-Bench
 * Mistake.
 *
 * How it works: each becomes {prompt, completions, labels}. A label is true, false, a
 * probability, or null where nobody knows: behind a first mistake (BIG-Bench) nothing is
 * known to be right or wrong, and a trainer that took it for wrong would learn something
 * nobody said. Steps count from 0 there and from 1 in PRMBench; that difference ends in this
 * file. */
#include "base/mem.h"
#include "data/format.h"

#include <stdio.h>
#include <string.h>

static json_t *record(const char *prompt, json_t *completions, json_t *labels)
{
    return json_pack("{s:s,s:o,s:o}", "prompt", prompt, "completions", completions, "labels",
                     labels);
}

/* Steps up to the mistake are right, the mistake is wrong, and of what follows nobody said. */
enum err format_steps_mistake(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const json_t *index = json_object_get(row, "mistake_index");
    const char *prompt;
    json_t *steps, *labels;
    enum err err = format_text(&prompt, row, "input");
    size_t mistake;

    (void)rule;
    if (!err)
        err = format_texts(&steps, row, "steps");
    if (err)
        return err;
    if (index && !json_is_null(index) && !json_is_integer(index))
        return err_set(ERR_PARSE, "'mistake_index' is neither null nor a whole number");
    if (json_is_integer(index) &&
        (json_integer_value(index) < 0 ||
         json_integer_value(index) >= (json_int_t)json_array_size(steps)))
        return err_set(ERR_PARSE, "'mistake_index' %lld: there are %zu steps",
                       (long long)json_integer_value(index), json_array_size(steps));
    mistake = json_is_integer(index) ? (size_t)json_integer_value(index) : SIZE_MAX;
    labels = json_array();
    for (size_t i = 0; i < json_array_size(steps); i++)
        json_array_append_new(labels, i > mistake ? json_null() : json_boolean(i < mistake));
    json_array_append_new(out, record(prompt, json_incref(steps), labels));
    return OK;
}

/* All steps but those that were spoiled on purpose are right. */
static enum err spoiled(json_t *labels, const json_t *row, size_t steps)
{
    const json_t *errors = json_object_get(row, "error_steps");
    size_t i;
    json_t *item;

    if (!json_is_array(errors))
        return err_set(ERR_PARSE, "'error_steps' is not a list");
    for (i = 0; i < steps; i++)
        json_array_append_new(labels, json_true());
    json_array_foreach(errors, i, item)
    {
        const json_int_t step = json_integer_value(item);
        if (!json_is_integer(item) || step < 1 || step > (json_int_t)steps)
            return err_set(ERR_PARSE, "'error_steps'[%zu]: not a step from 1 to %zu", i, steps);
        json_array_set_new(labels, (size_t)step - 1, json_false());
    }
    return OK;
}

static json_t *all_right(const json_t *steps)
{
    json_t *labels = json_array();

    for (size_t i = 0; i < json_array_size(steps); i++)
        json_array_append_new(labels, json_true());
    return labels;
}

enum err format_steps_prmbench(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const char *prompt, *original;
    json_t *steps, *labels, *made, *kind = json_object_get(row, "classification");
    enum err err = format_text(&prompt, row, "modified_question");

    if (!err)
        err = format_text(&original, row, "original_question");
    if (!err)
        err = format_texts(&steps, row, "modified_process");
    if (err)
        return err;
    labels = json_array();
    err = spoiled(labels, row, json_array_size(steps));
    if (err) {
        json_decref(labels);
        return err;
    }
    made = record(prompt, json_incref(steps), labels);
    if (kind)
        json_object_set(made, "classification", kind);
    json_array_append_new(out, made);
    if (!rule->originals || !json_object_get(row, "original_process"))
        return OK;
    err = format_texts(&steps, row, "original_process");
    if (!err)
        json_array_append_new(out, record(original, json_incref(steps), all_right(steps)));
    return err;
}

/* A rating of PRM800K as a label; a new reference. */
static json_t *rated(const json_t *completion, const struct format_rule *rule)
{
    const json_t *rating = json_object_get(completion, "rating");

    if (!json_is_integer(rating))
        return json_null();
    if (json_integer_value(rating) == 0)
        return rule->neutral <= 0   ? json_false()
               : rule->neutral >= 1 ? json_true()
                                    : json_real(rule->neutral);
    return json_boolean(json_integer_value(rating) > 0);
}

/* The steps so far and one more that was not chosen: only that one is learnt here. */
static void alternative(json_t *out, const char *prompt, const json_t *steps,
                        const json_t *completion, const struct format_rule *rule)
{
    json_t *label = rated(completion, rule), *text = json_object_get(completion, "text");
    json_t *all, *labels;

    if (json_is_null(label) || !json_string_length(text)) {
        json_decref(label);
        return;
    }
    all = json_copy((json_t *)(uintptr_t)steps);
    labels = json_array();
    for (size_t i = 0; i < json_array_size(all); i++)
        json_array_append_new(labels, json_null());
    json_array_append(all, text);
    json_array_append_new(labels, label);
    json_array_append_new(out, record(prompt, all, labels));
}

/* The completion that the solution went on with; NULL when it ends here. */
static json_t *went_on(const json_t *step, const json_t *completions, size_t *chosen)
{
    const json_t *index = json_object_get(step, "chosen_completion");
    json_t *human = json_object_get(step, "human_completion");

    *chosen = SIZE_MAX;
    if (json_is_integer(index) && json_integer_value(index) >= 0) {
        *chosen = (size_t)json_integer_value(index);
        return json_array_get(completions, *chosen);
    }
    return json_is_object(human) ? human : NULL;
}

/* Along the path that the raters chose; with alternatives, each step they did not choose ends a
 * solution of its own. */
static enum err solution(json_t *out, const char *prompt, const json_t *list,
                         const struct format_rule *rule)
{
    json_t *steps = json_array(), *labels = json_array(), *step, *other;
    size_t i, k, chosen;
    enum err err = OK;

    json_array_foreach(list, i, step)
    {
        const json_t *completions = json_object_get(step, "completions");
        json_t *next = went_on(step, completions, &chosen), *text;
        const bool ends = !next;

        if (!json_is_array(completions) && !next) {
            err = err_set(ERR_PARSE, "'label.steps'[%zu].completions is not a list", i);
            break;
        }
        if (ends) /* nobody went on: the first completion is the last step */
            next = json_array_get(completions, chosen = 0);
        json_array_foreach(completions, k, other) if (rule->alternatives && k != chosen)
            alternative(out, prompt, steps, other, rule);
        text = json_object_get(next, "text");
        if (!json_string_length(text))
            break;
        json_array_append(steps, text);
        json_array_append_new(labels, chosen == SIZE_MAX ? json_true() : rated(next, rule));
        if (ends)
            break;
    }
    if (!err && json_array_size(steps))
        json_array_append_new(out, record(prompt, json_incref(steps), json_incref(labels)));
    json_decref(steps);
    json_decref(labels);
    return err;
}

enum err format_steps_prm800k(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const json_t *label = json_object_get(row, "label");
    const json_t *list = json_object_get(label, "steps");
    const char *prompt;

    if (format_text(&prompt, json_object_get(row, "question"), "problem"))
        return err_add("'question'");
    if (!json_is_array(list))
        return err_set(ERR_PARSE, "'label.steps' is missing or not a list");
    return solution(out, prompt, list, rule);
}
