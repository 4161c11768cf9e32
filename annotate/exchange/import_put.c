/* Keys and ids are hashes of content, so that an import that was killed, or made twice, comes
 * to the same store. Two equal rows of one file are two people of one mind, not one row: the
 * second has a number. */

#include "annotate/exchange/import_put.h"

#include "base/hash.h"
#include "base/mem.h"
#include "prefs/people.h"

#include <stdlib.h>
#include <string.h>

/* 128 bits: enough that no two rows of any file meet by chance. */
static char *short_hash(const char *text)
{
    const struct hash hash = hash_of(text, strlen(text));
    char hex[HASH_TEXT];

    hash_text(hex, &hash);
    return mem_print("%.32s", hex);
}

char *import_put_hash(const json_t *value)
{
    char *const text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *const hash = short_hash(text ? text : "");

    free(text);
    return hash;
}

char *import_put_key(struct import_put *put, const json_t *row)
{
    char *const hash = import_put_hash(row);
    const json_int_t before = json_integer_value(json_object_get(put->seen, hash));
    char *const key =
        before ? mem_print("%s-%lld", hash, (long long)before + 1) : mem_text(hash);

    json_object_set_new(put->seen, hash, json_integer(before + 1));
    free(hash);
    return key;
}

/* Who, about what, why and when: the same in a second import, and different for two people. */
static enum err put_said(struct import_put *put, int64_t item, const char *key,
                         const struct import_said *one)
{
    const char *const name = one->annotator         ? one->annotator
                             : put->rule->annotator ? put->rule->annotator
                                                    : "import";
    struct prefs_judgement said = one->said;
    char *const whole =
        mem_print("%s|%s|%s|%lld", key, name, words_why[one->why], (long long)one->at);
    char *const hash = short_hash(whole), *const id = mem_print("import-%s", hash);
    bool again = false;
    enum err err = prefs_person_outside(put->prefs, &said.annotator, name, put->now);

    said.id = id;
    if (!err)
        err = prefs_record(put->prefs, item, one->order, one->why, &said,
                           one->at > 0 ? one->at : put->now, &again);
    if (!err && again)
        put->count->again++;
    else if (!err)
        put->count->judgements++;
    free(whole);
    free(hash);
    free(id);
    return err;
}

/* The item first, because a judgement points at it; both are in the group or neither. */
enum err import_put_item(struct import_put *put, const struct prefs_item *item,
                         const struct import_said *said, size_t n)
{
    const struct import_count counted = *put->count;
    int64_t id = 0, before = 0;
    enum err err = prefs_begin(put->prefs);

    if (err)
        return err;
    if (prefs_item_find(put->prefs, item->key, &before))
        before = 0; /* a new one */
    err = prefs_item_add(put->prefs, &id, item, put->now);
    if (!err && before)
        put->count->again++;
    else if (!err)
        put->count->items++;
    for (size_t i = 0; !err && put->rule->verdicts && i < n; i++)
        err = put_said(put, id, item->key, &said[i]);
    if (err)
        *put->count = counted; /* whole or not at all */
    return prefs_finish(put->prefs, err);
}
