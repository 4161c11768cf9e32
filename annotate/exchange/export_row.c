/* Content stands in the store as it came, text or messages; a row is all of one or all of the
 * other, because that is how trainers tell a dialogue from a text. Columns that came with the
 * record go out with it again, so that what was imported is exported equal. */

#include "annotate/exchange/export_row.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts and messages */

/* A text becomes what its speaker says; messages are taken as they are. */
static json_t *as_messages(const json_t *content, const char *role)
{
    if (json_is_array(content))
        return json_incref((json_t *)(uintptr_t)content);
    return json_pack("[{s:s, s:O}]", "role", role, "content", content);
}

/* Steps are lists as well, but of texts: they make no dialogue. */
static bool is_chat(const struct prefs_item *item)
{
    if (json_is_array(item->prompt))
        return true;
    for (int i = 0; i < item->n; i++)
        if (item->mode != PREFS_STEPS && json_is_array(item->candidate[i].content))
            return true;
    return false;
}

static json_t *shown(const struct prefs_item *item, const json_t *content, const char *role)
{
    return is_chat(item) ? as_messages(content, role)
                         : json_incref((json_t *)(uintptr_t)content);
}

static json_t *begun(const struct prefs_item *item)
{
    json_t *const row = json_object();

    if (item->prompt)
        json_object_set_new(row, "prompt", shown(item, item->prompt, "user"));
    return row;
}

static json_t *answer(const struct prefs_item *item, int candidate)
{
    return shown(item, item->candidate[candidate].content, "assistant");
}

/* Which run's answers these are, and which version of its policy wrote them. */
static void set_origin(json_t *row, const struct prefs_item *item)
{
    char run[2 * PREFS_ID + 1];

    if (!item->origin)
        return;
    for (int i = 0; i < PREFS_ID; i++)
        snprintf(run + 2 * i, 3, "%02x", item->origin->run[i]);
    json_object_set_new(row, "run", json_string(run));
    json_object_set_new(row, "version", json_integer((json_int_t)item->origin->version));
}

/* A label's weight times one that the record brought; the record's other columns. */
static json_t *ended(json_t *row, const struct prefs_item *item, double weight)
{
    const char *name;
    json_t *value;

    json_object_foreach(item->meta, name, value)
    {
        if (!strcmp(name, "weight") && json_is_number(value))
            weight *= json_number_value(value);
        else if (!json_object_get(row, name))
            json_object_set(row, name, value);
    }
    if (weight != 1)
        json_object_set_new(row, "weight", json_real(weight));
    set_origin(row, item);
    return row;
}

/* ---- training rows */

/* Ties and pairs of bad answers are marked, not hidden: who does not read the mark must leave
 * them out, and export_told says so. */
static json_t *pair_row(const struct prefs_item *item, const struct labels_one *label,
                        const struct export_rule *rule, struct export_count *count)
{
    const bool bad = label->verdict == PREFS_BOTH_BAD, tie = bad || label->verdict == PREFS_TIE;
    json_t *row;

    if (json_equal(item->candidate[label->better].content,
                   item->candidate[label->worse].content)) {
        count->same++; /* nothing can be learnt of it, and trainers refuse it */
        return NULL;
    }
    count->ties += tie && !bad;
    count->both_bad += bad;
    if (tie && rule->drop_ties)
        return NULL;
    row = begun(item);
    json_object_set_new(row, "chosen", answer(item, label->better));
    json_object_set_new(row, "rejected", answer(item, label->worse));
    if (tie)
        json_object_set_new(row, "tie", json_true());
    if (bad)
        json_object_set_new(row, "both_bad", json_true());
    return ended(row, item, label->weight);
}

/* KTO learns from single answers: each carries the whole weight of the judgement. */
static json_t *one_row(const struct prefs_item *item, int candidate, bool good, double weight)
{
    json_t *const row = begun(item);

    json_object_set_new(row, "completion", answer(item, candidate));
    json_object_set_new(row, "label", json_boolean(good));
    return ended(row, item, weight);
}

/* A tie says that two are alike, not whether they are good: there is no such row. Of a
 * ranking's pairs one answer would be good in one and bad in the next. */
static json_t *unpaired_rows(const struct prefs_item *item, const struct labels_one *label,
                             json_t **second, struct export_count *count)
{
    const bool bad = label->verdict == PREFS_BOTH_BAD;

    if (item->n != 2 || label->verdict == PREFS_TIE) {
        count->left_out++;
        return NULL;
    }
    count->both_bad += bad;
    *second = one_row(item, label->worse, false, label->weight);
    return one_row(item, label->better, !bad, label->weight);
}

/* Behind the first wrong step nobody has judged: the row ends with it, unless the record that
 * was imported knew more and agrees. */
static json_t *step_row(const struct prefs_item *item, const struct labels_one *label)
{
    const json_t *const steps = item->candidate[0].content, *const known = json_object_get(
                                                                item->meta, "labels");
    const size_t n = json_array_size(steps);
    json_t *const row = begun(item), *const kept = json_array(), *const labels = json_array();
    size_t first = 0;

    while (first < json_array_size(known) && !json_is_false(json_array_get(known, first)))
        first++;
    if (json_array_size(known) == n &&
        (label->step < 0 ? first == n : first == (size_t)label->step)) {
        json_object_set(row, "completions", (json_t *)(uintptr_t)steps);
        json_object_set(row, "labels", (json_t *)(uintptr_t)known);
        json_decref(kept);
        json_decref(labels);
        return ended(row, item, label->weight);
    }
    for (size_t i = 0; i < n && (label->step < 0 || i <= (size_t)label->step); i++) {
        json_array_append(kept, json_array_get(steps, i));
        json_array_append_new(labels, json_boolean(label->step < 0 || i < (size_t)label->step));
    }
    json_object_set_new(row, "completions", kept);
    json_object_set_new(row, "labels", labels);
    return ended(row, item, label->weight);
}

/* The answer that was judged is gone from the row: what is learnt is what the person wrote. */
static json_t *rewrite_row(const struct prefs_item *item, const struct labels_one *label)
{
    json_t *const row = begun(item);

    json_object_set_new(row, "completion", shown(item, label->said->text, "assistant"));
    return ended(row, item, label->weight);
}

/* What a mode was made for; a format that is asked for by name leaves the others out, counted. */
static enum export_format natural(enum prefs_mode mode)
{
    return mode == PREFS_STEPS     ? EXPORT_STEPWISE
           : mode == PREFS_REWRITE ? EXPORT_SFT
                                   : EXPORT_PREFERENCE;
}

json_t *export_row_label(const struct prefs_item *item, const struct labels_one *label,
                         const struct export_rule *rule, json_t **second,
                         struct export_count *count)
{
    const enum export_format own = natural(item->mode);
    enum export_format format = rule->format == EXPORT_AUTO ? own : rule->format;

    *second = NULL;
    if (format == EXPORT_TRAJECTORY && item->mode == PREFS_TRAJECTORY)
        format = EXPORT_PREFERENCE;
    if (format == EXPORT_UNPAIRED && own == EXPORT_PREFERENCE)
        return unpaired_rows(item, label, second, count);
    if (format != own) {
        count->left_out++;
        return NULL;
    }
    if (own == EXPORT_STEPWISE)
        return step_row(item, label);
    if (own == EXPORT_SFT && label->said && label->said->text)
        return rewrite_row(item, label);
    return own == EXPORT_SFT ? NULL : pair_row(item, label, rule, count);
}

/* ---- rows of one judgement */

/* How long somebody looked is left out where it is not known: 0 would be a very fast one. */
static void set_time(json_t *row, const struct gather_said *said)
{
    json_object_set_new(row, "time", json_integer(said->at));
    if (said->shown_ms)
        json_object_set_new(row, "seconds", json_real((double)said->shown_ms / 1000));
}

static char *why_of(const struct gather_said *said)
{
    return said->why == PREFS_ACTIVE ? mem_print("active:%s", said->active)
                                     : mem_text(words_why[said->why]);
}

/* The whole of what stood on the page: the question, then the answer. */
static json_t *conversation(const struct prefs_item *item, int candidate)
{
    json_t *const all = item->prompt ? as_messages(item->prompt, "user") : json_array();
    json_t *const out = json_copy(all), *const last = as_messages(
                                            item->candidate[candidate].content, "assistant");

    json_array_extend(out, last);
    json_decref(all);
    json_decref(last);
    return out;
}

/* A log without names ranks nothing: candidates are told apart by their number. */
static json_t *model_of(const struct prefs_item *item, int candidate)
{
    const char *const model = item->candidate[candidate].model;

    return model ? json_string(model) : json_sprintf("candidate %d", candidate);
}

/* a is what stood left: the side is known, and whoever ranks can take its effect out. */
static json_t *arena_row(const char *judge, const struct prefs_item *item,
                         const struct gather_said *said)
{
    const int left = said->order[0], right = said->order[1];
    const char *winner = said->verdict == PREFS_TIE        ? "tie"
                         : said->verdict == PREFS_BOTH_BAD ? "tie (bothbad)"
                         : said->choice == left            ? "model_a"
                                                           : "model_b";
    char *const why = why_of(said);
    json_t *row;

    if (item->n != 2 || said->n != 2 || said->verdict > PREFS_BOTH_BAD) {
        free(why);
        return NULL;
    }
    row = json_pack("{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:o, s:b, s:f, s:s, s:s, s:i}",
                    "question_id", item->key, "model_a", model_of(item, left), "model_b",
                    model_of(item, right), "winner", winner, "judge", judge, "turn", 1,
                    "conversation_a", conversation(item, left), "conversation_b",
                    conversation(item, right), "anony", 1, "tstamp", (double)said->at / 1000,
                    "first", "a", "why", why, "guideline", said->guideline);
    if (said->shown_ms)
        json_object_set_new(row, "dwell", json_real((double)said->shown_ms / 1000));
    /* What `drover rank` clusters by, and of what it makes length and style. */
    if (item->prompt)
        json_object_set(row, "prompt", item->prompt);
    json_object_set(row, "answer_a", item->candidate[left].content);
    json_object_set(row, "answer_b", item->candidate[right].content);
    free(why);
    return row;
}

/* By candidate, never by side: agreement is about answers. */
static json_t *value_of(const struct gather_said *said)
{
    if (said->verdict == PREFS_CHOSEN)
        return json_sprintf("%d", said->choice);
    if (said->verdict == PREFS_STEP)
        return json_sprintf("%d", said->step);
    return said->verdict == PREFS_TIE || said->verdict == PREFS_BOTH_BAD
               ? json_string(words_verdict[said->verdict])
               : NULL;
}

/* Rankings and rewrites are no single value: they have no row. */
static json_t *judgement_row(const char *judge, const struct prefs_item *item,
                             const struct gather_said *said)
{
    json_t *const value = value_of(said);
    char *const why = why_of(said);
    json_t *row = NULL;

    if (value)
        row = json_pack("{s:s, s:s, s:o, s:s}", "item", item->key, "annotator", judge, "value",
                        value, "why", why);
    free(why);
    if (!row)
        return NULL;
    if (item->n == 2) {
        json_object_set_new(row, "a", json_string("0"));
        json_object_set_new(row, "b", json_string("1"));
    }
    if (said->side >= 0 && item->n == 2)
        json_object_set_new(row, "side", json_string(said->side ? "right" : "left"));
    set_time(row, said);
    return row;
}

static void set_json(json_t *row, const char *name, const json_t *value)
{
    if (value)
        json_object_set(row, name, (json_t *)(uintptr_t)value);
}

/* Everything that an import needs to make the same judgement again, but the person. */
static json_t *table_row(const char *judge, const struct prefs_item *item,
                         const struct gather_said *said)
{
    char *const why = why_of(said);
    json_t *const row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "item", item->key, "mode",
                                  words_mode[item->mode], "annotator", judge, "why", why,
                                  "verdict", words_verdict[said->verdict]);
    json_t *const order = json_array();

    free(why);
    if (said->verdict == PREFS_CHOSEN)
        json_object_set_new(row, "choice", json_integer(said->choice));
    if (said->verdict == PREFS_STEP)
        json_object_set_new(row, "step", json_integer(said->step));
    set_json(row, "ranking", said->ranking);
    set_json(row, "text", said->text);
    if (said->strength)
        json_object_set_new(row, "strength", json_integer(said->strength));
    set_json(row, "criteria", said->criteria);
    if (said->reason)
        json_object_set_new(row, "reason", json_string(said->reason));
    set_json(row, "flags", said->flags);
    set_time(row, said);
    for (int i = 0; i < said->n; i++)
        json_array_append_new(order, json_integer(said->order[i]));
    json_object_set_new(row, "order", order);
    json_object_set_new(row, "guideline", json_integer(said->guideline));
    set_json(row, "prompt", item->prompt);
    for (int i = 0; i < item->n; i++) {
        char name[32];
        snprintf(name, sizeof name, "answer_%d", i);
        set_json(row, name, item->candidate[i].content);
        snprintf(name, sizeof name, "model_%d", i);
        if (item->candidate[i].model)
            json_object_set_new(row, name, json_string(item->candidate[i].model));
    }
    return row;
}

/* Gold questions and repeats stay in the table and among the judgements, where `why` tells
 * them; a ranking of models must not count them. */
json_t *export_row_said(struct prefs *prefs, const struct prefs_item *item,
                        const struct gather_said *said, enum export_format format)
{
    char judge[PREFS_PSEUDONYM];
    json_t *row;

    prefs_pseudonym(prefs, said->annotator, judge);
    if (format == EXPORT_ARENA && (said->why == PREFS_GOLD || said->why == PREFS_REPEAT))
        return NULL;
    row = format == EXPORT_ARENA        ? arena_row(judge, item, said)
          : format == EXPORT_JUDGEMENTS ? judgement_row(judge, item, said)
                                        : table_row(judge, item, said);
    if (row)
        set_origin(row, item);
    return row;
}
