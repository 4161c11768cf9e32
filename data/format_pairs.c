/* Pairs of answers, of which one was preferred. */
#include "data/dialogue.h"
#include "data/format.h"

#include <math.h>

enum err format_pairs_hh(json_t *out, const json_t *row, const struct format_rule *rule)
{
    json_t *prompt = NULL, *chosen = NULL, *other = NULL, *rejected = NULL;
    const char *text;
    enum err err = format_text(&text, row, "chosen");

    (void)rule;
    if (!err && (err = dialogue_hh(text, &prompt, &chosen)))
        err = err_add("'chosen'");
    if (!err)
        err = format_text(&text, row, "rejected");
    if (!err && (err = dialogue_hh(text, &other, &rejected)))
        err = err_add("'rejected'");
    if (!err && json_equal(prompt, other))
        json_array_append_new(out, json_pack("{s:O,s:O,s:O}", "prompt", prompt, "chosen",
                                             chosen, "rejected", rejected));
    else if (!err) /* two dialogues: nothing is shared for sure */
        json_array_append_new(out,
                              json_pack("{s:o,s:o}", "chosen", dialogue_join(prompt, chosen),
                                        "rejected", dialogue_join(other, rejected)));
    json_decref(prompt);
    json_decref(other);
    json_decref(chosen);
    json_decref(rejected);
    return err;
}

/* chosen and rejected as whole dialogues: the prompt is what they share. */
static enum err binarised(json_t *out, const json_t *row)
{
    json_t *chosen = json_deep_copy(json_object_get(row, "chosen"));
    json_t *rejected = json_deep_copy(json_object_get(row, "rejected")), *prompt = NULL;
    json_t *made;
    enum err err;

    if (json_is_string(chosen) && json_is_string(rejected) &&
        json_is_string(json_object_get(row, "prompt"))) {
        prompt = json_incref(json_object_get(row, "prompt"));
        err = OK;
    } else {
        err = dialogue_split(&prompt, &chosen, &rejected);
    }
    if (!err) {
        made = json_pack("{s:O,s:O,s:O}", "prompt", prompt, "chosen", chosen, "rejected",
                         rejected);
        json_object_set(made, "score_chosen", json_object_get(row, "score_chosen"));
        if (json_object_get(row, "score_rejected"))
            json_object_set(made, "score_rejected", json_object_get(row, "score_rejected"));
        json_array_append_new(out, made);
    }
    json_decref(prompt);
    json_decref(chosen);
    json_decref(rejected);
    return err;
}

static json_t *said(const char *role, json_t *content)
{
    return json_pack("[{s:s,s:O}]", "role", role, "content", content);
}

/* Many answers with a score each: the best against the worst, none when all tie. */
static enum err rated(json_t *out, const json_t *row)
{
    const json_t *list = json_object_get(row, "completions");
    json_t *item, *best = NULL, *worst = NULL, *made;
    double high = -INFINITY, low = INFINITY;
    size_t i;

    if (!json_is_string(json_object_get(row, "instruction")))
        return err_set(ERR_PARSE, "'instruction' is not a string");
    if (!json_is_array(list))
        return err_set(ERR_PARSE, "'completions' is not a list");
    json_array_foreach(list, i, item)
    {
        const json_t *score = json_object_get(item, "overall_score");
        if (!json_is_string(json_object_get(item, "response")) || !json_is_number(score))
            return err_set(ERR_PARSE,
                           "'completions'[%zu]: expected {\"response\", \"overall_score\"}", i);
        if (json_number_value(score) > high) {
            high = json_number_value(score);
            best = item;
        }
        if (json_number_value(score) < low) {
            low = json_number_value(score);
            worst = item;
        }
    }
    if (!best || !(high > low))
        return OK;
    made = json_pack("{s:o,s:o,s:o,s:f,s:f}", "prompt",
                     said("user", json_object_get(row, "instruction")), "chosen",
                     said("assistant", json_object_get(best, "response")), "rejected",
                     said("assistant", json_object_get(worst, "response")), "score_chosen",
                     high, "score_rejected", low);
    json_array_append_new(out, made);
    return OK;
}

enum err format_pairs_ultrafeedback(json_t *out, const json_t *row,
                                    const struct format_rule *rule)
{
    (void)rule;
    return json_object_get(row, "completions") ? rated(out, row) : binarised(out, row);
}
