/* conf: a table of keys, from which reading, ranges, --help and the docs follow.
 *
 * A row says the key's name, its type, where it lies in the struct, what it is
 * when unset, its range, and one line of help. A key that no row names is an
 * error that names the nearest one. */

#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum conf_type {
    CONF_TEXT_,    /* char *, heap; NULL when unset */
    CONF_INT_,     /* int; INT_MIN when unset (initial "") */
    CONF_REAL_,    /* double; NAN when unset (initial "") */
    CONF_BOOL_,    /* bool */
    CONF_WORD_,    /* int or an enum: which of the row's words it is; -1 when unset */
    CONF_TREE_,    /* json_t *, a reference; NULL when unset: lists and maps of the user's */
    CONF_IGNORED_, /* accepted with one line, whose reason is `help`; a name may end in '*' */
    CONF_REFUSED_, /* an error whose words are `help`, unless its value asks for nothing */
};

struct conf_key {
    const char *name;
    enum conf_type type;
    size_t offset;
    const char *initial;
    double min, max;
    const char *help;
    const char *alias; /* another name for the same key, or NULL */
    const char *const
        *words; /* CONF_WORD_: NULL-ended; CONF_INT_: words for 0, 1, …, or NULL */
};

/* Rows of struct s: f is the member, and the key's name. With _AT the member may lie deeper
 * (loss.beta) and the key has a name of its own. */
#define CONF_ROW(t, s, path, word, init, lo, hi, doc, list) \
    { \
        word, t, offsetof(struct s, path), init, lo, hi, doc, NULL, list \
    }
#define CONF_TEXT(s, f, init, doc) CONF_ROW(CONF_TEXT_, s, f, #f, init, 0, 0, doc, NULL)
#define CONF_TREE(s, f, doc) CONF_ROW(CONF_TREE_, s, f, #f, NULL, 0, 0, doc, NULL)
#define CONF_INT(s, f, init, lo, hi, doc) CONF_INT_AT(s, f, #f, init, lo, hi, doc)
#define CONF_REAL(s, f, init, lo, hi, doc) CONF_REAL_AT(s, f, #f, init, lo, hi, doc)
#define CONF_BOOL(s, f, init, doc) CONF_BOOL_AT(s, f, #f, init, doc)
#define CONF_WORD(s, f, list, init, doc) CONF_WORD_AT(s, f, #f, list, init, doc)
#define CONF_INT_AT(s, path, word, init, lo, hi, doc) \
    CONF_ROW(CONF_INT_, s, path, word, init, lo, hi, doc, NULL)
#define CONF_REAL_AT(s, path, word, init, lo, hi, doc) \
    CONF_ROW(CONF_REAL_, s, path, word, init, lo, hi, doc, NULL)
#define CONF_BOOL_AT(s, path, word, init, doc) \
    CONF_ROW(CONF_BOOL_, s, path, word, init, 0, 1, doc, NULL)
#define CONF_WORD_AT(s, path, word, list, init, doc) \
    CONF_ROW(CONF_WORD_, s, path, word, init, 0, 0, doc, list)
#define CONF_IGNORED(word, why) \
    { \
        word, CONF_IGNORED_, 0, NULL, 0, 0, why, NULL, NULL \
    }
/* Its usual value, which asks for nothing, is `usual`. */
#define CONF_IGNORED_BUT(word, usual, why) \
    { \
        word, CONF_IGNORED_, 0, usual, 0, 0, why, NULL, NULL \
    }
#define CONF_REFUSED(word, why) \
    { \
        word, CONF_REFUSED_, 0, NULL, 0, 0, why, NULL, NULL \
    }
/* An int whose word "auto" is 0, and is the initial value. */
extern const char *const conf_auto[];
#define CONF_AUTO(s, f, hi, doc) CONF_ROW(CONF_INT_, s, f, #f, "auto", 0, hi, doc, conf_auto)
#define CONF_END \
    { \
        NULL, CONF_TEXT_, 0, NULL, 0, 0, NULL, NULL, NULL \
    }

/* Fills `out` (zeroed by the caller) from the rows' defaults, then from `tree`
 * (see base/config_tree.h). `tables` is a NULL-ended list: shared rows and a method's
 * own; the first table that has a key wins. Keys with a '.' never occur here: nested maps are
 * CONF_TREE. `ignored` is told, once each, of keys without effect, as they were given, and why
 * (may be NULL); not of a value that asks for nothing: the usual one of the row, or, of a row
 * without, null, false, no, none, 0, -1 or an empty one.
 * Errors: ERR_PARSE, ERR_RANGE; the words name the key and what would be right. */
enum err conf_load(const struct conf_key *const *tables, void *out, const json_t *tree,
                   void (*ignored)(const char *key, const char *why)) MUST_CHECK;

/* Frees what conf_load put into `out`. */
void conf_free(const struct conf_key *const *tables, void *out);

/* One line a key: name, default, help. */
void conf_help(const struct conf_key *const *tables, FILE *to);

/* The resolved configuration as YAML. */
void conf_print(const struct conf_key *const *tables, const void *conf, FILE *to);

/* Was an optional number given? */
bool conf_has_int(int value);
bool conf_has_real(double value);

/* For a CONF_TEXT key that may be left open: 1 or 0 by the words of a CONF_BOOL ("true" "yes"
 * "on" "1", "false" "no" "off" "0", any case), -1 for NULL, "", "none", "null" and "unset".
 * Errors: ERR_PARSE, naming `key`. */
enum err conf_tristate(int *out, const char *key, const char *text) MUST_CHECK;

/* The index of `word` (NULL: "") among `words` (NULL-ended). Errors: ERR_RANGE, naming `key`
 * and all of them. */
enum err conf_word(int *out, const char *key, const char *word,
                   const char *const *words) MUST_CHECK;

/* "20s", "500ms", "2m", "1h" or plain seconds. Errors: ERR_PARSE. */
enum err conf_duration_ms(long *out, const char *text) MUST_CHECK;

/* The key nearest to `word`: by edit distance, else one whose words or initials it is
 * ("epochs", "lr") or which is a word of it; NULL if none is near. */
const char *conf_nearest(const char *word, const struct conf_key *const *tables);

#endif
