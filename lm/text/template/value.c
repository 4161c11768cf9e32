/* How it works: small structs in the pool, nothing is ever freed alone. Lists and dictionaries
 * double; a dictionary of more than eight keys gets a table of places, probed linearly.
 * Strings share bytes with what they were cut from: the source, the JSON, other strings. */
#include "lm/text/template/value.h"

#include "lm/text/template/limits.h"
#include "lm/text/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FEW = 8 };

struct value value_none(void)
{
    return (struct value){.kind = KIND_NONE};
}

struct value value_bool(bool flag)
{
    return (struct value){.kind = KIND_BOOL, .as.flag = flag};
}

struct value value_int(int64_t number)
{
    return (struct value){.kind = KIND_INT, .as.number = number};
}

struct value value_float(double real)
{
    return (struct value){.kind = KIND_FLOAT, .as.real = real};
}

struct value value_string(struct pool *pool, const char *text, size_t n)
{
    struct string *string = pool_take(pool, sizeof *string);

    *string = (struct string){text, n};
    return (struct value){.kind = KIND_STRING, .as.string = string};
}

struct value value_word(struct pool *pool, const char *text)
{
    return value_string(pool, text, strlen(text));
}

struct value value_list(struct pool *pool, enum value_kind kind, size_t room)
{
    struct list *list = pool_take(pool, sizeof *list);

    if (room) {
        if (room > JINJA_MEMORY_MAX / sizeof *list->item)
            pool_fail(pool, ERR_RANGE, "a list of %zu items", room);
        list->item = pool_take(pool, room * sizeof *list->item);
        list->room = room;
    }
    return (struct value){.kind = kind, .as.list = list};
}

struct value value_pair(struct pool *pool, enum value_kind kind, struct value a, struct value b)
{
    struct value pair = value_list(pool, kind, 2);

    value_append(pool, pair.as.list, a);
    value_append(pool, pair.as.list, b);
    return pair;
}

struct value value_dict(struct pool *pool, enum value_kind kind)
{
    return (struct value){.kind = kind, .as.dict = pool_take(pool, sizeof(struct dict))};
}

struct value value_iterator(struct pool *pool, const struct list *list, const char *name)
{
    struct iterator *iterator = pool_take(pool, sizeof *iterator);

    *iterator = (struct iterator){list, 0, name};
    return (struct value){.kind = KIND_ITERATOR, .as.iterator = iterator};
}

/* The words are made at once, though few are ever read: what
 * they speak of may be gone later. */
struct value value_undefined(struct pool *pool, const char *fmt, ...)
{
    char words[256];
    struct value value;
    struct text_writer writer = {.text = NULL};
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    value_write(pool, &writer, words, strlen(words));
    value = value_written(pool, &writer);
    value.kind = KIND_UNDEFINED;
    return value;
}

/* Lists are only appended to while they are made; afterwards
 * they are values like any other. */
void value_append(struct pool *pool, struct list *list, struct value item)
{
    if (list->n == list->room) {
        const size_t room = 2 * list->room + 4;
        struct value *grown = pool_take(pool, room * sizeof *grown);

        if (list->n)
            memcpy(grown, list->item, list->n * sizeof *grown);
        list->item = grown;
        list->room = room;
    }
    list->item[list->n++] = item;
}

/* The slot of `key`, or the free one where it would go. */
static uint32_t *slot_of(struct pool *pool, const struct dict *dict, struct value key)
{
    size_t at = compare_hash(pool, key) & (dict->slots - 1);

    while (dict->slot[at] && !compare_equal(pool, dict->key[dict->slot[at] - 1], key)) {
        pool_work(pool, JINJA_WORK_VALUE);
        at = (at + 1) & (dict->slots - 1);
    }
    return &dict->slot[at];
}

/* Through the table where there is one; a few keys are looked
 * at one by one. */
struct value *value_find(struct pool *pool, const struct dict *dict, struct value key)
{
    compare_hash(pool, key); /* fails where Python does */
    if (dict->slot) {
        const uint32_t *slot = slot_of(pool, dict, key);

        return *slot ? &dict->item[*slot - 1] : NULL;
    }
    for (size_t i = 0; i < dict->n; i++)
        if (compare_equal(pool, dict->key[i], key))
            return &dict->item[i];
    return NULL;
}

struct value *value_named(struct pool *pool, const struct dict *dict, const char *name)
{
    struct string string = {name, strlen(name)};

    return value_find(pool, dict, (struct value){.kind = KIND_STRING, .as.string = &string});
}

/* Doubles; from nine keys on with a table, made anew each time. */
static void grow(struct pool *pool, struct dict *dict)
{
    const size_t room = 2 * dict->room + 4;
    struct value *key = pool_take(pool, room * sizeof *key);
    struct value *item = pool_take(pool, room * sizeof *item);

    if (dict->n) {
        memcpy(key, dict->key, dict->n * sizeof *key);
        memcpy(item, dict->item, dict->n * sizeof *item);
    }
    dict->key = key;
    dict->item = item;
    dict->room = room;
    if (room <= FEW)
        return;
    dict->slots = 16;
    while (dict->slots < 2 * room)
        dict->slots *= 2;
    dict->slot = pool_take(pool, dict->slots * sizeof *dict->slot);
    for (size_t i = 0; i < dict->n; i++)
        *slot_of(pool, dict, dict->key[i]) = (uint32_t)i + 1;
}

/* A key that is there keeps its place, and its spelling: {1:
 * 'a', 1.0: 'b'} is {1: 'b'}. */
void value_put(struct pool *pool, struct dict *dict, struct value key, struct value item)
{
    struct value *there = value_find(pool, dict, key);

    if (there) {
        *there = item;
        return;
    }
    if (dict->n == dict->room)
        grow(pool, dict);
    dict->key[dict->n] = key;
    dict->item[dict->n++] = item;
    if (dict->slot)
        *slot_of(pool, dict, key) = (uint32_t)dict->n;
}

/* Keys in the order in which they came, which jansson keeps. */
static struct value from_json(struct pool *pool, const json_t *json, int depth)
{
    struct value value;
    const char *key;
    json_t *item;
    size_t i, n;

    if (depth > JINJA_DEPTH_MAX)
        pool_fail(pool, ERR_RANGE, "a value is nested deeper than %d", JINJA_DEPTH_MAX);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        value = value_dict(pool, KIND_DICT);
        json_object_keylen_foreach((json_t *)(uintptr_t)json, key, n, item) value_put(
            pool, value.as.dict, value_string(pool, key, n), from_json(pool, item, depth + 1));
        return value;
    case JSON_ARRAY:
        value = value_list(pool, KIND_LIST, json_array_size(json));
        json_array_foreach(json, i, item)
            value_append(pool, value.as.list, from_json(pool, item, depth + 1));
        return value;
    case JSON_STRING:
        return value_string(pool, json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return value_int(json_integer_value(json));
    case JSON_REAL:
        return value_float(json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return value_bool(json_is_true(json));
    case JSON_NULL:
        break;
    }
    return value_none();
}

struct value value_json(struct pool *pool, const json_t *json)
{
    return json ? from_json(pool, json, 0) : value_none();
}

bool value_is(struct value value, const char *text)
{
    return value.kind == KIND_STRING && value.as.string->n == strlen(text) &&
           !memcmp(value.as.string->text, text, value.as.string->n);
}

bool value_sequence(struct value value)
{
    return value.kind == KIND_LIST || value.kind == KIND_TUPLE || value.kind == KIND_GROUP ||
           value.kind == KIND_RANGE;
}

/* One text a character, of the same bytes. */
static struct list *characters(struct pool *pool, const struct string *string)
{
    struct list *list = value_list(pool, KIND_LIST, string->n).as.list;

    for (size_t at = 0, n; at < string->n; at += n) {
        uint32_t cp;

        (void)utf8_next(string->text + at, string->n - at, &cp, &n);
        value_append(pool, list, value_string(pool, string->text + at, n));
    }
    return list;
}

/* Whoever prints a message or goes over its items has looked
 * at its content, too. */
void value_seen(const struct dict *dict)
{
    if (dict->read)
        *dict->read = true;
}

static struct list *of_view(struct pool *pool, const struct dict *dict, char what)
{
    struct list *list = value_list(pool, KIND_LIST, dict->n).as.list;

    if (what != 'k')
        value_seen(dict);
    for (size_t i = 0; i < dict->n; i++)
        value_append(pool, list,
                     what == 'k'   ? dict->key[i]
                     : what == 'v' ? dict->item[i]
                                   : value_pair(pool, KIND_TUPLE, dict->key[i], dict->item[i]));
    return list;
}

struct list *value_items(struct pool *pool, struct value value)
{
    struct list *rest;

    if (value_sequence(value))
        return value.as.list;
    switch (value.kind) {
    case KIND_STRING:
        return characters(pool, value.as.string);
    case KIND_DICT:
        return of_view(pool, value.as.dict, 'k');
    case KIND_VIEW:
        return of_view(pool, value.as.view->dict, value.as.view->what);
    case KIND_UNDEFINED:
        return value_list(pool, KIND_LIST, 0).as.list;
    case KIND_ITERATOR:
        rest = value_list(pool, KIND_LIST, 0).as.list;
        while (value.as.iterator->at < value.as.iterator->list->n)
            value_append(pool, rest, value.as.iterator->list->item[value.as.iterator->at++]);
        return rest;
    case KIND_LOOP: /* what is left of it, each with the loop itself: nobody means that */
        pool_fail(pool, ERR_RANGE, "going over `loop` itself is not done here");
    default:
        return NULL;
    }
}

const char *value_type(struct value value)
{
    static const char *const name[] = {
        [KIND_MISSING] = "missing",  [KIND_UNDEFINED] = "Undefined",
        [KIND_NONE] = "NoneType",    [KIND_BOOL] = "bool",
        [KIND_INT] = "int",          [KIND_FLOAT] = "float",
        [KIND_STRING] = "str",       [KIND_LIST] = "list",
        [KIND_TUPLE] = "tuple",      [KIND_GROUP] = "_GroupTuple",
        [KIND_RANGE] = "range",      [KIND_DICT] = "dict",
        [KIND_VIEW] = "dict_items",  [KIND_NAMESPACE] = "Namespace",
        [KIND_LOOP] = "LoopContext", [KIND_CALLABLE] = "function",
    };

    if (value.kind == KIND_ITERATOR)
        return value.as.iterator->name;
    if (value.kind == KIND_VIEW && value.as.view->what != 'i')
        return value.as.view->what == 'k' ? "dict_keys" : "dict_values";
    return name[value.kind];
}

/* Doubles; the old bytes stay in the pool, so a text costs at
 * most three times its size. */
void value_write(struct pool *pool, struct text_writer *writer, const char *text, size_t n)
{
    if (writer->room - writer->n < n) {
        const size_t room = 2 * writer->room + n + 16;
        char *grown = pool_take(pool, room);

        if (writer->n)
            memcpy(grown, writer->text, writer->n);
        writer->text = grown;
        writer->room = room;
    }
    if (n)
        memcpy(writer->text + writer->n, text, n);
    writer->n += n;
    if (writer->n > JINJA_OUTPUT_MAX)
        pool_fail(pool, ERR_RANGE, "a text of more than %d MiB", JINJA_OUTPUT_MAX >> 20);
}

struct value value_written(struct pool *pool, const struct text_writer *writer)
{
    return value_string(pool, writer->text ? writer->text : "", writer->n);
}
