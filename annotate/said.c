/* The page knows places, the store candidates: order[place] leads from one to the other, in this
 * file and nowhere else, so a judgement can only be about what was shown. Scores of a place are
 * kept under "NAME/CANDIDATE"; of an item with one candidate under its name alone. */

#include "annotate/said.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_MS_MOST = 24 * 3600 * 1000 }; /* longer was a page left open */

/* A number that was shown; anything else, a fraction, a text, one too many, is no place. */
static bool place_of(const json_t *value, const struct prefs_assignment *a, int *candidate)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) >= a->n)
        return false;
    *candidate = a->order[json_integer_value(value)];
    return true;
}

/* [[2], [0, 1]]: lists of places, best first. */
static json_t *ranking(const json_t *said, const struct prefs_assignment *a)
{
    json_t *out = json_array(), *level, *one, *list;
    size_t i, j;
    int candidate;

    json_array_foreach(said, i, level)
    {
        json_array_append_new(out, list = json_array());
        json_array_foreach(level, j, one)
        {
            if (!place_of(one, a, &candidate)) {
                json_decref(out);
                return NULL;
            }
            json_array_append_new(list, json_integer(candidate));
        }
    }
    return out;
}

/* Scores beyond the places that were shown are nobody's, and dropped; which values a score may have
 * is the store's to say. */
static json_t *criteria(const json_t *said, const struct prefs_assignment *a)
{
    json_t *out = json_object(), *scores, *score;
    const char *name;
    size_t i;

    json_array_foreach(said, i, scores)
    {
        if (i >= (size_t)a->n)
            break;
        json_object_foreach(scores, name, score)
        {
            char *key = a->n == 1 ? mem_text(name) : mem_print("%s/%d", name, a->order[i]);

            json_object_set(out, key, score);
            free(key);
        }
    }
    return out;
}

/* What a verdict is about. */
static enum err about(const json_t *body, const struct prefs_assignment *a,
                      struct prefs_judgement *out, json_t *own)
{
    const json_t *step = json_object_get(body, "step");
    json_t *list;

    switch (out->verdict) {
    case PREFS_CHOSEN:
        return place_of(json_object_get(body, "place"), a, &out->choice)
                   ? OK
                   : err_set(ERR_PARSE, "place: expected one that was shown");
    case PREFS_RANKING:
        list = ranking(json_object_get(body, "ranking"), a);
        if (!list)
            return err_set(ERR_PARSE, "ranking: expected lists of places that were shown");
        json_object_set_new(own, "ranking", list);
        out->ranking = list;
        return OK;
    case PREFS_STEP:
        if (!json_is_integer(step) || json_integer_value(step) < -1 ||
            json_integer_value(step) >= PREFS_STEPS_MAX)
            return err_set(ERR_PARSE, "step: expected its number, or -1");
        out->step = (int)json_integer_value(step);
        return OK;
    case PREFS_REWRITTEN:
        out->text = json_object_get(body, "text");
        return out->text ? OK : err_set(ERR_PARSE, "text: is missing");
    default:
        return OK;
    }
}

/* What goes along with a verdict may be missing; of another type it is refused, since "saved" would be
 * said of what was not kept. */
static enum err beside(const json_t *body)
{
    static const struct {
        const char *key, *wanted;
        json_type type;
    } part[] = {{"strength", "a number", JSON_INTEGER},
                {"reason", "a text", JSON_STRING},
                {"flags", "a list of words", JSON_ARRAY},
                {"criteria", "a list of scores, one for each place", JSON_ARRAY}};

    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        const json_t *value = json_object_get(body, part[i].key);

        if (value && !json_is_null(value) && json_typeof(value) != part[i].type)
            return err_set(ERR_PARSE, "%s: expected %s", part[i].key, part[i].wanted);
    }
    return OK;
}

/* The page's clock counts how long somebody looked: it is believed, up to a day, and never trained on.
 */
enum err said_read(const json_t *body, const struct prefs_assignment *a,
                   struct prefs_judgement *out, json_t **own)
{
    const json_t *shown = json_object_get(body, "shown_ms"),
                 *strength = json_object_get(body, "strength"),
                 *scores = json_object_get(body, "criteria"),
                 *flags = json_object_get(body, "flags");
    const char *verdict = json_string_value(json_object_get(body, "verdict"));
    int which = PREFS_UNDO;
    enum err err = words_find(&which, words_verdict, "verdict", verdict ? verdict : "");

    *own = json_object();
    *out = (struct prefs_judgement){.id = json_string_value(json_object_get(body, "id")),
                                    .assignment = a->id,
                                    .annotator = a->annotator,
                                    .step = -1};
    if (err || which == PREFS_UNDO)
        return err_set(ERR_PARSE, "verdict: not one that the page has");
    if (!out->id)
        return err_set(ERR_PARSE, "id: is missing");
    err = beside(body);
    if (err)
        return err;
    out->verdict = (enum prefs_verdict)which;
    if (json_is_integer(shown) && json_integer_value(shown) > 0)
        out->shown_ms = json_integer_value(shown) < SHOWN_MS_MOST ? json_integer_value(shown)
                                                                  : SHOWN_MS_MOST;
    if (json_is_integer(strength))
        out->strength = json_integer_value(strength) >= 0 && json_integer_value(strength) < 100
                            ? (int)json_integer_value(strength)
                            : 100; /* the store refuses it by name */
    out->reason = json_string_value(json_object_get(body, "reason"));
    if (json_array_size(flags))
        out->flags = flags;
    if (json_array_size(scores)) {
        json_t *all = criteria(scores, a);

        json_object_set_new(*own, "criteria", all);
        if (json_object_size(all))
            out->criteria = all;
    }
    return about(body, a, out, *own);
}
