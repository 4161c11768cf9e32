/* How it works: a recursive reader of the part of Python that BFCL writes its gold calls in:
 * f(a=1, b=[...]), with strings, numbers, lists, tuples, dictionaries and True, False, None.
 * Positional arguments get their names from the function's parameters. It evaluates nothing: a
 * name where a value is due is an error. Depth is bounded, for the texts come from files. */
#include "data/pycall.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text from here on, and how deep in brackets we are. */
struct pycall_reader {
    const char *text, *at;
    int depth;
};

/* With the rest of the text, so that the place is seen. */
static enum err refuse(const struct pycall_reader *r, const char *what)
{
    return err_set(ERR_PARSE, "call '%.60s': %s at character %d", r->text, what,
                   (int)(r->at - r->text) + 1);
}

static void blanks(struct pycall_reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct pycall_reader *r, char c)
{
    blanks(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* Either quote, with the escapes that the files have. */
static enum err read_string(struct pycall_reader *r, json_t **out)
{
    const char quote = *r->at++;
    char *text = mem_new(strlen(r->at) + 1, 1);
    size_t n = 0;

    while (*r->at && *r->at != quote) {
        char c = *r->at++;
        if (c == '\\' && *r->at) {
            /* The zero of \0 is the one that ends `to`. */
            static const char from[] = "ntr0", to[] = "\n\t\r";
            const char *known = strchr(from, c = *r->at++);
            if (known)
                c = to[known - from];
            else if (c != '\\' && c != '\'' && c != '"')
                text[n++] = '\\'; /* Python keeps the backslash of an escape it does not know */
        }
        text[n++] = c;
    }
    if (!*r->at) {
        free(text);
        return refuse(r, "a string that does not end");
    }
    r->at++;
    *out = json_stringn(text, n);
    free(text);
    return *out ? OK : refuse(r, "not UTF-8");
}

/* Whole numbers stay whole: 1 and 1.0 are different arguments to some functions. */
static enum err read_number(struct pycall_reader *r, json_t **out)
{
    char *end = NULL, *whole = NULL;
    const double real = strtod(r->at, &end);
    const long long integer = strtoll(r->at, &whole, 10);

    if (end == r->at)
        return refuse(r, "expected a value");
    *out = whole == end ? json_integer(integer) : json_real(real);
    r->at = end;
    return *out ? OK : refuse(r, "a number that is not finite");
}

/* A name, whole: None is not the beginning of Nonesuch. */
static bool word(struct pycall_reader *r, const char *name)
{
    const size_t n = strlen(name);

    if (strncmp(r->at, name, n) || isalnum((unsigned char)r->at[n]) || r->at[n] == '_')
        return false;
    r->at += n;
    return true;
}

static enum err read_value(struct pycall_reader *r, json_t **out);

/* Also a tuple, which JSON has no other word for. */
static enum err read_list(struct pycall_reader *r, json_t **out, char end)
{
    json_t *list = json_array();
    enum err err = OK;

    r->at++;
    while (!err && !take(r, end)) {
        json_t *item = NULL;
        err = read_value(r, &item);
        if (!err)
            json_array_append_new(list, item);
        blanks(r);
        if (!err && !take(r, ',') && *r->at != end)
            err = refuse(r, "expected , or the end of a list");
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

/* Keys are strings; a later one of the same name wins, as in Python. */
static enum err read_dict(struct pycall_reader *r, json_t **out)
{
    json_t *dict = json_object();
    enum err err = OK;

    r->at++;
    while (!err && !take(r, '}')) {
        json_t *key = NULL, *item = NULL;
        err = read_value(r, &key);
        if (!err && !json_is_string(key))
            err = refuse(r, "a key that is no string");
        if (!err && !take(r, ':'))
            err = refuse(r, "expected :");
        if (!err)
            err = read_value(r, &item);
        if (!err)
            json_object_set_new(dict, json_string_value(key), item);
        json_decref(key);
        blanks(r);
        if (!err && !take(r, ',') && *r->at != '}')
            err = refuse(r, "expected , or }");
    }
    if (err)
        json_decref(dict);
    else
        *out = dict;
    return err;
}

/* Any of them, by its first character. */
static enum err read_value(struct pycall_reader *r, json_t **out)
{
    enum err err;

    blanks(r);
    if (++r->depth > PYCALL_DEPTH_MAX)
        return err_set(ERR_RANGE, "call '%.60s': nested deeper than %d", r->text,
                       PYCALL_DEPTH_MAX);
    if (*r->at == '\'' || *r->at == '"')
        err = read_string(r, out);
    else if (*r->at == '[' || *r->at == '(')
        err = read_list(r, out, *r->at == '[' ? ']' : ')');
    else if (*r->at == '{')
        err = read_dict(r, out);
    else if (word(r, "True") || word(r, "False"))
        err = (*out = json_boolean(r->at[-2] == 'u')) ? OK : ERR_NOMEM;
    else if (word(r, "None"))
        err = (*out = json_null()) ? OK : ERR_NOMEM;
    else
        err = read_number(r, out);
    r->depth--;
    return err;
}

/* The name before `=`, or the next of the parameters'. Free it. */
static char *argument_name(struct pycall_reader *r, const json_t *parameters, size_t index)
{
    const char *at = r->at, *key;
    size_t n = 0, i = 0;
    json_t *value;

    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    if (n && at[n + strspn(at + n, " ")] == '=') {
        r->at = at + n + strspn(at + n, " ") + 1;
        return mem_print("%.*s", (int)n, at);
    }
    json_object_foreach((json_t *)(uintptr_t)parameters, key,
                        value) if (i++ == index) return mem_text(key);
    return mem_print("%zu", index);
}

/* Up to the closing bracket; a comma before it is Python, too. */
static enum err arguments(struct pycall_reader *r, const json_t *parameters, json_t *args)
{
    enum err err = OK;

    for (size_t i = 0; !err && !take(r, ')'); i++) {
        json_t *value = NULL;
        char *name;
        blanks(r);
        name = argument_name(r, parameters, i);
        err = read_value(r, &value);
        if (!err)
            json_object_set_new(args, name, value);
        free(name);
        blanks(r);
        if (!err && !take(r, ',') && *r->at != ')')
            err = refuse(r, "expected , or )");
    }
    return err;
}

enum err pycall_read(json_t **out, const char *text, const json_t *parameters)
{
    struct pycall_reader r = {text, text, 0};
    json_t *args;
    size_t n = 0;
    enum err err;

    *out = NULL;
    if (strlen(text) > PYCALL_BYTES_MAX)
        return err_set(ERR_RANGE, "a call of more than %d characters", PYCALL_BYTES_MAX);
    blanks(&r);
    while (isalnum((unsigned char)r.at[n]) || r.at[n] == '_' || r.at[n] == '.')
        n++;
    if (!n || r.at[n] != '(')
        return refuse(&r, "expected name(...)");
    args = json_object();
    r.at += n + 1;
    err = arguments(&r, parameters, args);
    blanks(&r);
    if (!err && *r.at)
        err = refuse(&r, "more behind the call");
    if (!err)
        *out = json_pack("{s:s%,s:O}", "tool", text + strspn(text, " \t\r\n"), n, "args", args);
    json_decref(args);
    return err;
}
