/* Nothing is guessed that could be guessed wrong: where the fields that are left are not two,
 * or a word means none of the answers, the words say which key decides it. */

#include "annotate/exchange/import_fields.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const prompts[] = {"prompt", "instruction", "question",
                                      "input",  "text",        NULL};

/* The first of the usual names that is there, in the order from the clearest to the vaguest. */
static const char *prompt_name(const json_t *fields, const struct import_rule *rule)
{
    if (rule->prompt)
        return rule->prompt;
    for (int i = 0; prompts[i]; i++)
        if (json_object_get(fields, prompts[i]))
            return prompts[i];
    return NULL;
}

static enum err add(struct import_fields *out, struct prefs_item *item, const json_t *fields,
                    const char *name)
{
    json_t *const value = json_object_get(fields, name);

    if (!json_is_string(value) && !json_is_array(value))
        return err_set(ERR_PARSE, "field '%s' is missing, or no text", name);
    if (item->n == PREFS_CANDIDATES_MAX)
        return err_set(ERR_PARSE, "more than %d answers", PREFS_CANDIDATES_MAX);
    out->name[item->n] = name;
    item->candidate[item->n++].content = value;
    return OK;
}

/* Named ones may be lists of messages; of those that are merely left over only texts are
 * taken. */
static enum err add_named(struct import_fields *out, struct prefs_item *item,
                          const json_t *fields, const char *list)
{
    char *save = NULL;
    enum err err = OK;

    out->names = mem_text(list);
    for (char *name = strtok_r(out->names, ",", &save); name && !err;
         name = strtok_r(NULL, ",", &save))
        err = add(out, item, fields, name);
    return err;
}

enum err import_fields_take(struct import_fields *out, struct prefs_item *item,
                            const json_t *fields, const struct import_rule *rule)
{
    const char *const asked = prompt_name(fields, rule), *name;
    json_t *value;
    enum err err = OK;

    *out = (struct import_fields){.names = NULL};
    if (asked)
        item->prompt = json_object_get(fields, asked);
    if (asked && !item->prompt)
        return err_set(ERR_PARSE, "there is no field '%s' for the prompt", asked);
    if (rule->candidates)
        err = add_named(out, item, fields, rule->candidates);
    else
        json_object_foreach((json_t *)(uintptr_t)fields, name,
                            value) if (!err && (!asked || strcmp(name, asked) != 0) &&
                                       json_is_string(value)) err =
            add(out, item, fields, name);
    if (!err && item->n < 2)
        err = err_set(ERR_PARSE, "two answers are wanted: candidates=FIELD,FIELD names them");
    if (!err && item->n > 2 && !rule->candidates)
        err = err_set(ERR_PARSE,
                      "%d fields could be answers: candidates=FIELD,FIELD names them", item->n);
    item->mode = item->n == 2 ? PREFS_PAIR : PREFS_RANK;
    return err;
}

void import_fields_free(struct import_fields *fields)
{
    free(fields->names);
}

static bool is_among(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcasecmp(word, *list))
            return true;
    return false;
}

/* Which of two answers a place's name means; -1: none. */
static int place_named(const char *word)
{
    static const char *const first[] = {"left", "a", "1", "first", "model_a", NULL},
                             *const second[] = {"right", "b", "2", "second", "model_b", NULL};

    return is_among(word, first) ? 0 : is_among(word, second) ? 1 : -1;
}

/* A field's own name goes first: a study may well have called an answer "b". */
enum err import_fields_word(struct prefs_judgement *out, const struct import_fields *fields,
                            int n, const char *word)
{
    static const char *const ties[] = {"tie", "equal", "same", "draw", NULL},
                             *const bads[] = {"both_bad", "both bad", "neither",
                                              "none",     "bad",      NULL};

    *out = (struct prefs_judgement){.verdict = PREFS_CHOSEN, .choice = -1, .step = -1};
    for (int i = 0; i < n; i++)
        if (!strcmp(word, fields->name[i]))
            out->choice = i;
    if (out->choice < 0 && n == 2)
        out->choice = place_named(word);
    if (out->choice >= 0)
        return OK;
    out->verdict = PREFS_TIE;
    if (is_among(word, ties))
        return OK;
    out->verdict = PREFS_BOTH_BAD;
    return is_among(word, bads)
               ? OK
               : err_set(ERR_PARSE, "'%s' is none of the answers, no tie and not both bad",
                         word);
}

/* Days since 1970 of a date of the Gregorian calendar (Howard Hinnant, chrono-compatible
 * low-level date algorithms). */
static int64_t days(int64_t year, int month, int day)
{
    const int64_t y = year - (month <= 2), era = y / 400;
    const int64_t of_era = y - era * 400,
                  of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "+01:00" behind the seconds, in milliseconds; what is none of it is UTC. */
static int64_t offset_of(const char *text)
{
    int hour = 0, minute = 0;
    char sign = 'Z';

    if (sscanf(text, "%c%2d:%2d", &sign, &hour, &minute) < 3 || (sign != '+' && sign != '-'))
        return 0;
    return (sign == '+' ? 1 : -1) * (int64_t)(hour * 60 + minute) * 60000;
}

static bool is_in(int value, int low, int high)
{
    return value >= low && value <= high;
}

int64_t import_fields_time(const char *text)
{
    int year, month, day, hour, minute, used = 0;
    double second;

    if (!text || sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%9lf%n", &year, &month, &day, &hour,
                        &minute, &second, &used) < 6)
        return 0;
    if (!is_in(year, 1970, 9999) || !is_in(month, 1, 12) || !is_in(day, 1, 31) ||
        !is_in(hour, 0, 23) || !is_in(minute, 0, 59) || !(second >= 0 && second < 61))
        return 0;
    while (text[used] >= '0' && text[used] <= '9') /* digits beyond what was read */
        used++;
    return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60000 +
           (int64_t)(second * 1000) - offset_of(text + used);
}
