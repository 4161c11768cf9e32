/* Pairs of answers, of which one was preferred: HH, UltraFeedback, Orca and Argilla.
 *
 * How it works: each becomes {prompt, chosen, rejected}, as messages where the source knows
 * who speaks. UltraFeedback lists several answers with a score each: the best is set against
 * the worst, and a record whose scores are all the same gives nothing, for nobody preferred
 * anything. */
#include "data/dialogue.h"
#include "data/format.h"

#include <math.h>
#include <stdint.h>

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

    /* Texts share no turns that could be told apart: then the prompt has to be there. */
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

/* A question and two answers, all texts, become one turn each; other columns stay. */
enum err format_pairs_orca(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const questions[] = {"question", "input", "instruction"};
    static const char *const answers[2][2] = {{"chosen", "chosen_response"},
                                              {"rejected", "rejected_response"}};
    const json_t *system = json_object_get(row, "system");
    json_t *made = json_object(), *prompt, *rest;
    const char *question = questions[0];
    enum err err = OK;

    (void)rule;
    for (int i = 1; i < 3 && !json_object_get(row, question); i++)
        question = questions[i];
    rest = json_copy((json_t *)(uintptr_t)row);
    prompt = said("user", json_object_get(row, question));
    if (json_string_length(system))
        json_array_insert_new(prompt, 0,
                              json_pack("{s:s,s:O}", "role", "system", "content", system));
    json_object_set_new(made, "prompt", prompt);
    json_object_del(rest, question);
    json_object_del(rest, "system");
    if (!json_is_string(json_object_get(row, question)))
        err = err_set(ERR_PARSE, "'%s' is missing or not a string", question);
    for (int i = 0; i < 2 && !err; i++) {
        const char *name = answers[i][json_object_get(row, answers[i][1]) != NULL], *text;
        err = format_text(&text, row, name);
        if (!err)
            json_object_set_new(made, answers[i][0],
                                said("assistant", json_object_get(row, name)));
        json_object_del(rest, name);
    }
    if (!err) {
        /* What was made wins over a column of the same name. */
        json_object_update_missing(made, rest);
        json_array_append(out, made);
    }
    json_decref(rest);
    json_decref(made);
    return err;
}

enum err format_pairs_ultrafeedback(json_t *out, const json_t *row,
                                    const struct format_rule *rule)
{
    (void)rule;
    return json_object_get(row, "completions") ? rated(out, row) : binarised(out, row);
}
