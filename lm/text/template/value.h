/* value: what a template computes with: Python's values, as far as a template sees them.
 *
 * Values are immutable but for namespaces and what an iterator has given; all memory is the
 * pool's. Strings are UTF-8, and a length or an index counts characters. For the files of
 * lm/text/template alone. */

#ifndef LM_TEXT_TEMPLATE_VALUE_H
#define LM_TEXT_TEMPLATE_VALUE_H

#include "lm/text/template/pool.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind {
    KIND_MISSING, /* no value: an argument that was not given */
    KIND_UNDEFINED,
    KIND_NONE,
    KIND_BOOL,
    KIND_INT,
    KIND_FLOAT,
    KIND_STRING,
    KIND_LIST,
    KIND_TUPLE,
    KIND_GROUP, /* groupby's pairs: a tuple with the names grouper and list */
    KIND_RANGE, /* printed otherwise than a list */
    KIND_ITERATOR,
    KIND_DICT,
    KIND_VIEW, /* a dictionary's items, keys, values */
    KIND_NAMESPACE,
    KIND_LOOP,
    KIND_CALLABLE
};

struct string {
    const char *text; /* not terminated */
    size_t n;
};

struct value {
    enum value_kind kind;
    bool safe; /* of a string: escaped, or said to be safe */
    union {
        bool flag;
        int64_t number;
        double real;
        struct string *string; /* of UNDEFINED, too: what to say when it is used */
        struct list *list;     /* LIST, TUPLE, GROUP, RANGE */
        struct iterator *iterator;
        struct dict *dict; /* DICT, NAMESPACE */
        struct view *view;
        struct each_loop *loop;
        struct callable *callable;
    } as;
};

struct list {
    struct value *item;
    size_t n, room;
    int64_t start, stop, step; /* RANGE */
};

struct iterator {
    const struct list *list;
    size_t at;
    const char *name; /* its type, as Python says it */
};

/* In the order in which the keys came. */
struct dict {
    struct value *key, *item;
    size_t n, room;
    uint32_t *slot; /* 1 + where; NULL for few */
    size_t slots;
    bool *read; /* set when somebody looks at its "content"; may be NULL */
};

struct view {
    const struct dict *dict;
    char what; /* 'i'tems, 'k'eys, 'v'alues */
};

/* A growing text. */
struct text_writer {
    char *text;
    size_t n, room;
};

struct value value_none(void);
struct value value_bool(bool flag);
struct value value_int(int64_t number);
struct value value_float(double real);
/* The bytes are borrowed: they must live as long as the pool. */
struct value value_string(struct pool *pool, const char *text, size_t n);
struct value value_word(struct pool *pool, const char *text);
struct value value_list(struct pool *pool, enum value_kind kind, size_t room);
struct value value_pair(struct pool *pool, enum value_kind kind, struct value a,
                        struct value b);
struct value value_dict(struct pool *pool, enum value_kind kind);
struct value value_iterator(struct pool *pool, const struct list *list, const char *name);
struct value value_undefined(struct pool *pool, const char *fmt, ...) PRINTF(2, 3);

/* From JSON, borrowed; fails when it is deeper than JINJA_DEPTH_MAX. */
struct value value_json(struct pool *pool, const json_t *json);

void value_append(struct pool *pool, struct list *list, struct value item);
void value_put(struct pool *pool, struct dict *dict, struct value key, struct value item);
/* NULL: no such key. Fails for a key that has no hash. */
struct value *value_find(struct pool *pool, const struct dict *dict, struct value key);
struct value *value_named(struct pool *pool, const struct dict *dict, const char *name);

void value_seen(const struct dict *dict); /* all of it was looked at */

bool value_is(struct value value, const char *text); /* a string that says so */

/* The items of what can be iterated, as a list; an iterator gives what it has left. NULL: it
 * cannot be iterated. */
struct list *value_items(struct pool *pool, struct value value);
bool value_sequence(struct value value); /* LIST, TUPLE, GROUP, RANGE */

const char *value_type(struct value value); /* Python's name of its type */

void value_write(struct pool *pool, struct text_writer *writer, const char *text, size_t n);
struct value value_written(struct pool *pool, const struct text_writer *writer);

/* compare.c: truth, equality, order and membership, as Python has them. */
bool compare_true(struct value value);
bool compare_equal(struct pool *pool, struct value a, struct value b);

/* -1, 0 or 1, and 2 where no comparison holds: of NaN, and of two sets of which neither is in
 * the other. `sign` is the operator, for the words when the two have no order. */
int compare_order(struct pool *pool, struct value a, struct value b, const char *sign);

/* Python's `item in all`. */
bool compare_in(struct pool *pool, struct value item, struct value all);

/* Fails for what has no hash: lists, dictionaries, sets. Equal values have equal ones. */
uint64_t compare_hash(struct pool *pool, struct value value);
bool compare_hashable(struct pool *pool, struct value value);
bool compare_set(struct value value); /* a dictionary's keys or items: sets in Python */

/* Numbers: INT, BOOL or FLOAT. */
bool compare_number(struct value value);
bool compare_whole(struct value value, int64_t *number); /* INT or BOOL */
double compare_real(struct value value);

#endif
