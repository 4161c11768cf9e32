/* How: three steps share one search of the rows (find: an exact name or alias in the first
 * table that has it, else a row whose name ends in '*').
 *
 * conf_load first gives every key its row's default, so that a struct is whole before anything
 * of the user's is read, then goes over the user's tree in its own order: a key that no row
 * names ends it with the nearest name (conf_nearest). A row without effect is told to the
 * caller, but only where its value asks for something. conf_help and conf_print walk the same
 * rows: what is read is what is shown. The types know how to be unset (NULL, INT_MIN, NAN): a
 * default of "" means that.
 *
 * Every program calls this once, at its start, before threads. */

#include "base/conf.h"

#include "base/mem.h"
#include "base/printable.h"
#include "base/strbuf.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const conf_auto[] = {"auto", NULL};

static void *slot(const struct conf_key *key, const void *out)
{
    return (char *)(uintptr_t)out + key->offset;
}

/* A number of the row: one of its words, or all of the text, in its range, whole where the row wants an
 * int. What is not a number fails the range too, for NaN compares with nothing. */
static enum err number(const struct conf_key *key, const char *text, double *out)
{
    char *end = NULL;

    for (int i = 0; key->words && key->words[i]; i++)
        if (!strcmp(text, key->words[i])) {
            *out = i;
            return OK;
        }
    *out = strtod(text, &end);
    if (!strcmp(text, "true")) /* what a key without a value means */
        return err_set(ERR_PARSE, "%s: a value is missing: a number is expected", key->name);
    if (end == text || *end)
        return err_set(ERR_PARSE, "%s: '%s' is not a number", key->name, text);
    if (!(*out >= key->min && *out <= key->max))
        return err_set(ERR_RANGE, "%s: %s is not in [%g, %g]", key->name, text, key->min,
                       key->max);
    if (key->type == CONF_INT_ && *out != floor(*out))
        return err_set(ERR_PARSE, "%s: '%s' is not a whole number", key->name, text);
    return OK;
}

static enum err truth(const char *key, const char *text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};

    for (int i = 0; i < 4; i++)
        if (!strcasecmp(text, yes[i]) || !strcasecmp(text, no[i])) {
            *out = !strcasecmp(text, yes[i]);
            return OK;
        }
    return err_set(ERR_PARSE, "%s: '%s' is neither true nor false", key, text);
}

/* What `no value` looks like in a slot of each type; conf_has_int and _real ask for it. */
static void unset(const struct conf_key *key, void *at)
{
    if (key->type == CONF_TEXT_) {
        free(*(char **)at);
        *(char **)at = NULL;
    } else if (key->type == CONF_TREE_) {
        json_decref(*(json_t **)at);
        *(json_t **)at = NULL;
    } else if (key->type == CONF_INT_) {
        *(int *)at = INT_MIN;
    } else if (key->type == CONF_WORD_) {
        *(int *)at = -1;
    } else if (key->type == CONF_REAL_) {
        *(double *)at = NAN;
    }
}

/* `text` NULL: unset. */
static enum err set(const struct conf_key *key, void *at, const char *text)
{
    double real = 0;
    enum err err = OK;

    if (!text || (!*text && key->type != CONF_TEXT_ && key->type != CONF_WORD_)) {
        unset(key, at);
        return OK;
    }
    switch (key->type) {
    case CONF_TEXT_:
        free(*(char **)at);
        *(char **)at = mem_text(text);
        break;
    case CONF_INT_:
        err = number(key, text, &real);
        if (!err)
            *(int *)at = (int)real;
        break;
    case CONF_REAL_:
        err = number(key, text, &real);
        if (!err)
            *(double *)at = real;
        break;
    case CONF_BOOL_:
        err = truth(key->name, text, at);
        break;
    case CONF_WORD_:
        err = conf_word(at, key->name, text, key->words);
        break;
    default:
        break;
    }
    return err;
}

static const struct conf_key *exactly(const struct conf_key *const *tables, const char *name)
{
    for (; *tables; tables++)
        for (const struct conf_key *k = *tables; k->name; k++)
            if (!strcmp(k->name, name) || (k->alias && !strcmp(k->alias, name)))
                return k;
    return NULL;
}

/* Its own row, or else one for all names that begin so. */
static const struct conf_key *find(const struct conf_key *const *tables, const char *name)
{
    const struct conf_key *own = exactly(tables, name);

    for (; *tables && !own; tables++)
        for (const struct conf_key *k = *tables; k->name && !own; k++) {
            const size_t n = strlen(k->name);
            if (n && k->name[n - 1] == '*' && !strncmp(k->name, name, n - 1))
                own = k;
        }
    return own;
}

/* Whether a value of a key without effect, or of one that is refused, wants one. */
static bool asks(const struct conf_key *key, const json_t *value)
{
    static const char *const nothing[] = {"", "false", "no", "none", "null", "0", "0.0", "-1"};
    const char *text = json_string_value(value);
    bool empty = json_is_null(value);

    if (json_is_object(value))
        return json_object_size(value) > 0;
    if (json_is_array(value)) {
        bool some = false;
        for (size_t i = 0; i < json_array_size(value); i++)
            some = some || asks(key, json_array_get(value, i));
        return some;
    }
    if (text && key->initial)
        return strcasecmp(text, key->initial) != 0;
    for (size_t i = 0; text && i < sizeof nothing / sizeof *nothing; i++)
        empty = empty || !strcasecmp(text, nothing[i]);
    return !empty;
}

/* One key of the user's into its slot. Texts come as strings whatever they look like
 * (config_tree.h), so a list or a map here is a mistake of the person, whose first surplus
 * value is named. */
static enum err give(const struct conf_key *key, void *out, json_t *item)
{
    if (key->type == CONF_REFUSED_)
        return asks(key, item) ? err_set(ERR_RANGE, "%s: %s", key->name, key->help) : OK;
    if (key->type == CONF_TREE_) {
        unset(key, slot(key, out));
        *(json_t **)slot(key, out) = json_is_null(item) ? NULL : json_incref(item);
        return OK;
    }
    if (json_is_null(item)) /* a word that has a default cannot be none of them */
        return set(key, slot(key, out), key->type == CONF_WORD_ && key->initial ? "" : NULL);
    if (!json_is_string(item)) {
        const char *second = json_string_value(json_array_get(item, 1));
        return second
                   ? err_set(ERR_PARSE, "%s: expected one value, not a list ('%s' is too much)",
                             key->name, second)
                   : err_set(ERR_PARSE, "%s: expected one value, not a list or a map",
                             key->name);
    }
    return set(key, slot(key, out), json_string_value(item));
}

enum err conf_load(const struct conf_key *const *tables, void *out, const json_t *tree,
                   void (*ignored)(const char *, const char *))
{
    const char *name;
    json_t *item;

    /* Defaults of the rows that count: a name that an earlier table has too is that table's. */
    for (const struct conf_key *const *t = tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++) {
            const enum err err = k->type >= CONF_IGNORED_ || find(tables, k->name) != k
                                     ? OK
                                     : set(k, slot(k, out), k->initial);
            if (err)
                return err_add("default of %s", k->name);
        }
    json_object_foreach((json_t *)(uintptr_t)tree, name, item)
    {
        const struct conf_key *key = find(tables, name);
        const char *near = key ? NULL : conf_nearest(name, tables);
        enum err err;
        if (!key)
            return near
                       ? err_set(ERR_PARSE, "'%s': no such key; did you mean '%s'?", name, near)
                       : err_set(ERR_PARSE, "'%s': no such key; --help lists them", name);
        if (key->type == CONF_IGNORED_ && ignored && asks(key, item))
            ignored(name, key->help);
        err = key->type == CONF_IGNORED_ ? OK : give(key, out, item);
        if (err)
            return err;
    }
    return OK;
}

void conf_free(const struct conf_key *const *tables, void *out)
{
    for (const struct conf_key *const *t = tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++)
            if (k->type == CONF_TEXT_ || k->type == CONF_TREE_)
                unset(k, slot(k, out));
}

void conf_help(const struct conf_key *const *tables, FILE *to)
{
    for (const struct conf_key *const *t = tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++)
            if (k->type < CONF_IGNORED_ && find(tables, k->name) == k) {
                const char *const text = k->initial && *k->initial ? k->initial : "-";
                char *const clean = mem_printable(text, strlen(text), PRINTABLE_LINE);

                fprintf(to, "  %-34s %-12s %s\n", k->name, clean, k->help);
                free(clean);
            }
}

/* As YAML that conf_load would read back to the same value: %.17g tells every double apart. */
static void print_value(const struct conf_key *k, const void *at, FILE *to)
{
    const int whole = *(const int *)(k->type == CONF_INT_ ? at : &(int){0});
    const double real = *(const double *)(k->type == CONF_REAL_ ? at : &(double){0});

    if (k->type == CONF_TEXT_ && *(char *const *)at)
        fprintf(to, "%s: \"%s\"\n", k->name, *(char *const *)at);
    else if (k->type == CONF_BOOL_)
        fprintf(to, "%s: %s\n", k->name, *(const bool *)at ? "true" : "false");
    else if (k->type == CONF_WORD_ && *(const int *)at >= 0)
        fprintf(to, "%s: \"%s\"\n", k->name, k->words[*(const int *)at]);
    else if (k->type == CONF_INT_ && conf_has_int(whole))
        fprintf(to, "%s: %d\n", k->name, whole);
    else if (k->type == CONF_REAL_ && conf_has_real(real))
        fprintf(to, "%s: %.17g\n", k->name, real);
    else if (k->type == CONF_TREE_ && *(json_t *const *)at) {
        fprintf(to, "%s: ", k->name);
        json_dumpf(*(json_t *const *)at, to, JSON_ENCODE_ANY);
        fputc('\n', to);
    }
}

void conf_print(const struct conf_key *const *tables, const void *conf, FILE *to)
{
    for (const struct conf_key *const *t = tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++)
            if (k->type < CONF_IGNORED_ && find(tables, k->name) == k)
                print_value(k, slot(k, conf), to);
}

bool conf_has_int(int value)
{
    return value != INT_MIN;
}

bool conf_has_real(double value)
{
    return !isnan(value);
}

enum err conf_tristate(int *out, const char *key, const char *text)
{
    static const char *const open[] = {"", "none", "null", "unset"};
    bool yes = false;
    enum err err;

    *out = -1;
    for (int i = 0; i < 4; i++)
        if (!text || !strcasecmp(text, open[i]))
            return OK;
    err = truth(key, text, &yes);
    if (!err)
        *out = yes;
    return err;
}

enum err conf_word(int *out, const char *key, const char *word, const char *const *words)
{
    struct strbuf list = {0};
    enum err err = ERR_RANGE;

    for (int i = 0; words[i] && err; i++) {
        strbuf_print(&list, "%s%s", i ? ", " : "", words[i]);
        if (word && !strcmp(word, words[i])) {
            *out = i;
            err = OK;
        }
    }
    if (err)
        err = err_set(ERR_RANGE, "%s: '%s': expected %s", key, word ? word : "", list.text);
    free(list.text);
    return err;
}

enum err conf_duration_ms(long *out, const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"", 1e3}, {"s", 1e3}, {"ms", 1}, {"m", 6e4}, {"h", 3.6e6}};
    char *end = NULL;
    const double n = strtod(text, &end);

    if (end != text && n >= 0 && n < 1e9)
        for (int i = 0; i < 5; i++)
            if (!strcmp(end, units[i].unit)) {
                *out = (long)(n * units[i].ms);
                return OK;
            }
    return err_set(ERR_PARSE, "'%s' is not a duration such as 20s, 500ms or 2m", text);
}

/* Levenshtein distance, for words of at most 63 letters. */
static int distance(const char *a, const char *b)
{
    int row[64];
    const int n = (int)strlen(b);

    if (strlen(a) > 63 || n > 63)
        return 99;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; *a; a++, i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            const int change = diagonal + (*a != b[j - 1]);
            const int shift = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = change < shift ? change : shift;
        }
    }
    return row[n];
}

/* Is `part` one or several whole words of `key`, as epochs is of num_train_epochs? An empty one
 * is of none: it is found behind the end, too. */
static bool words_of(const char *part, const char *key)
{
    const size_t n = strlen(part);

    for (const char *at = n ? strstr(key, part) : NULL; at; at = strstr(at + 1, part))
        if ((at == key || at[-1] == '_') && (!at[n] || at[n] == '_'))
            return true;
    return false;
}

/* Are they the first letters of its words, as lr of learning_rate? */
static bool initials_of(const char *letters, const char *key)
{
    const char *at = key;

    for (; *letters && at; letters++) {
        if (*at != *letters)
            return false;
        at = strchr(at, '_');
        at = at ? at + 1 : NULL;
    }
    return !*letters && !at;
}

enum { NOT_NEAR = 1000 };

/* How far `word` is from what a key is called. A slip or two of the keys come first; then other
 * ways to say it: its initials, it with words around, some words of it (the shortest that has
 * them: max_steps for steps); then what is still like it. */
static int farness(const char *word, const char *name)
{
    const int d = distance(word, name);
    const bool like = d < (int)strlen(word) / 2 + 1;

    if (like && d <= 2)
        return d;
    if (initials_of(word, name) || words_of(name, word))
        return 10;
    if (words_of(word, name))
        return 11 + (int)strlen(name);
    return like ? 100 + d : NOT_NEAR;
}

const char *conf_nearest(const char *word, const struct conf_key *const *tables)
{
    const char *best = NULL;
    int least = NOT_NEAR;

    for (; *tables; tables++)
        for (const struct conf_key *k = *tables; k->name; k++) {
            const int by_name = farness(word, k->name);
            const int by_alias = k->alias ? farness(word, k->alias) : NOT_NEAR;
            const int d = by_name < by_alias ? by_name : by_alias;
            if (k->type != CONF_REFUSED_ && !strchr(k->name, '*') && d < least) {
                least = d;
                best = k->name;
            }
        }
    return best;
}
