/* The note is read anew each time somebody enters, which is seldom; the store keeps it, and this
 * file alone knows what may stand in it. */

#include "annotate/study.h"

#include "prefs/prefs.h"

#include <stdint.h>
#include <string.h>

static const char note[] = "study";

enum err study_read(json_t **out, struct prefs *prefs)
{
    json_t *there = NULL;
    const enum err err = prefs_note_read(prefs, note, &there);

    *out = NULL;
    if (err)
        return err;
    *out = json_pack("{s:b, s:b, s:[], s:s}", "strength", false, "reasons", true, "criteria",
                     "purpose", "");
    json_object_update_existing(*out, there);
    json_decref(there);
    return OK;
}

/* A name is a key of scores, and a heading: short, and there once. */
static bool names(const json_t *list)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) > STUDY_CRITERIA_MAX)
        return false;
    json_array_foreach(list, i, one)
    {
        if (!json_is_string(one) || !json_string_length(one) ||
            json_string_length(one) > STUDY_NAME_MAX || strchr(json_string_value(one), '/'))
            return false;
        for (size_t j = 0; j < i; j++)
            if (json_equal(one, json_array_get(list, j)))
                return false;
    }
    return true;
}

static enum err may_be(const char *key, const json_t *value)
{
    if (!strcmp(key, "strength") || !strcmp(key, "reasons"))
        return json_is_boolean(value) ? OK : err_set(ERR_RANGE, "%s: true or false", key);
    if (!strcmp(key, "criteria"))
        return names(value) ? OK
                            : err_set(ERR_RANGE,
                                      "criteria: expected a list of names, as [helpful, "
                                      "honest]: at most %d, each once, without '/', at most "
                                      "%d bytes",
                                      STUDY_CRITERIA_MAX, STUDY_NAME_MAX);
    if (!strcmp(key, "purpose"))
        return json_is_string(value) && json_string_length(value) <= PREFS_TEXT_MAX
                   ? OK
                   : err_set(ERR_RANGE, "purpose: expected a text");
    return err_set(ERR_RANGE, "%s: no such setting of a study", key);
}

/* All members are checked before one is written: a study is changed as a whole or not. */
enum err study_change(struct prefs *prefs, const json_t *change)
{
    json_t *all, *value;
    const char *key;
    enum err err = study_read(&all, prefs);

    if (err)
        return err;
    json_object_foreach((json_t *)(uintptr_t)change, key, value)
    {
        if (!err)
            err = may_be(key, value);
        if (!err)
            json_object_set(all, key, value);
    }
    if (!err)
        err = prefs_note_write(prefs, note, all);
    json_decref(all);
    return err;
}
