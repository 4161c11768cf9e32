/* How: libyaml's events, by recursive descent: value -> sequence or mapping -> entry -> value,
 * with the depth and the number of values counted on the way, for the text may be anyone's.
 * What a plain parser would take without a word is refused with its line: a key that stands
 * twice (the second would win), a second document (it would be dropped), tags and aliases (a
 * few lines could unfold to gigabytes).
 *
 * A command line goes over its arguments twice: first the files, then key=value in order, so
 * that what is typed wins over what a file says wherever the file stands. */

#include "base/config_tree.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 16, NODES_MAX = 100000, BYTES_MAX = 4 << 20 };

struct yaml_reader {
    yaml_parser_t parser;
    const char *name;
    int nodes;
    bool empty; /* not even one document */
};

/* The next event. Each is counted: a short file may still unfold into very many. */
static enum err next(struct yaml_reader *r, yaml_event_t *event)
{
    if (!yaml_parser_parse(&r->parser, event))
        return err_set(ERR_PARSE, "%s:%zu: not YAML: %s", r->name,
                       r->parser.problem_mark.line + 1,
                       r->parser.problem ? r->parser.problem : "unreadable");
    if (++r->nodes > NODES_MAX)
        return err_set(ERR_RANGE, "%s: more than %d values", r->name, NODES_MAX);
    return OK;
}

static enum err value(struct yaml_reader *r, const yaml_event_t *event, int depth,
                      json_t **out) MUST_CHECK;

/* A tag that is not YAML's own asks for something that is not done here. */
static enum err plain(const struct yaml_reader *r, const yaml_event_t *event)
{
    static const char own[] = "tag:yaml.org,2002:";
    const yaml_char_t *tag = NULL;

    if (event->type == YAML_SCALAR_EVENT)
        tag = event->data.scalar.tag;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        tag = event->data.sequence_start.tag;
    else if (event->type == YAML_MAPPING_START_EVENT)
        tag = event->data.mapping_start.tag;
    if (!tag || !strncmp((const char *)tag, own, strlen(own)) ||
        !strcmp((const char *)tag, "!"))
        return OK;
    return err_set(ERR_PARSE, "%s:%zu: the tag %.40s is not known", r->name,
                   event->start_mark.line + 1, (const char *)tag);
}

/* Quoted words stay words: only a bare null is one ("None" is how Python people write it). NULL
 * of a text that is not UTF-8. */
static json_t *scalar(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;

    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        (!*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "None")))
        return json_null();
    return json_string(text);
}

/* Up to the end of a list whose start was read. */
static enum err sequence(struct yaml_reader *r, int depth, json_t *list)
{
    for (;;) {
        yaml_event_t event;
        json_t *item = NULL;
        enum err err = next(r, &event);
        if (err)
            return err;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return OK;
        }
        err = value(r, &event, depth + 1, &item);
        yaml_event_delete(&event);
        if (err)
            return err;
        json_array_append_new(list, item);
    }
}

/* One `key: value` of a mapping; *done at its end. */
static enum err entry(struct yaml_reader *r, int depth, json_t *map, bool *done)
{
    yaml_event_t event, under;
    json_t *item = NULL;
    enum err err = next(r, &event);

    if (err)
        return err;
    *done = event.type == YAML_MAPPING_END_EVENT;
    if (*done)
        goto out;
    if (event.type != YAML_SCALAR_EVENT) {
        err = err_set(ERR_PARSE, "%s:%zu: a key is a plain word", r->name,
                      event.start_mark.line + 1);
        goto out;
    }
    if (json_object_get(map, (const char *)event.data.scalar.value)) {
        err = err_set(ERR_PARSE, "%s:%zu: key '%s' stands twice", r->name,
                      event.start_mark.line + 1, (const char *)event.data.scalar.value);
        goto out;
    }
    err = next(r, &under);
    if (err)
        goto out;
    err = value(r, &under, depth + 1, &item);
    yaml_event_delete(&under);
    if (!err && json_object_set_new(map, (const char *)event.data.scalar.value, item))
        err =
            err_set(ERR_PARSE, "%s:%zu: key is not UTF-8", r->name, event.start_mark.line + 1);
out:
    yaml_event_delete(&event);
    return err;
}

/* Up to the end of a map whose start was read. */
static enum err mapping(struct yaml_reader *r, int depth, json_t *map)
{
    bool done = false;
    enum err err = OK;

    while (!done && !err)
        err = entry(r, depth, map, &done);
    return err;
}

/* What begins with `event`; the depth is bounded because this recursion takes the C stack. */
static enum err value(struct yaml_reader *r, const yaml_event_t *event, int depth, json_t **out)
{
    enum err err = OK;

    *out = NULL;
    if (plain(r, event))
        return ERR_PARSE;
    if (depth > DEPTH_MAX)
        return err_set(ERR_RANGE, "%s:%zu: nested more than %d deep", r->name,
                       event->start_mark.line + 1, DEPTH_MAX);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        *out = scalar(event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        *out = json_array();
        err = sequence(r, depth, *out);
        break;
    case YAML_MAPPING_START_EVENT:
        *out = json_object();
        err = mapping(r, depth, *out);
        break;
    default:
        return err_set(ERR_PARSE, "%s:%zu: anchors and aliases are not supported", r->name,
                       event->start_mark.line + 1);
    }
    if (!err && !*out)
        err = err_set(ERR_PARSE, "%s:%zu: not UTF-8", r->name, event->start_mark.line + 1);
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    return err;
}

/* The first value of the stream, or null if the stream is empty. */
static enum err document(struct yaml_reader *r, json_t **out)
{
    *out = NULL;
    for (;;) {
        yaml_event_t event;
        enum err err = next(r, &event);
        const yaml_event_type_t type = err ? YAML_NO_EVENT : event.type;
        if (err)
            return err;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT) {
            yaml_event_delete(&event);
            continue;
        }
        r->empty = type == YAML_STREAM_END_EVENT;
        if (r->empty)
            *out = json_null();
        else
            err = value(r, &event, 0, out);
        yaml_event_delete(&event);
        return err;
    }
}

/* Nothing may follow: a second document would be dropped without a word. */
static enum err ended(struct yaml_reader *r)
{
    for (;;) {
        yaml_event_t event;
        enum err err = next(r, &event);
        const yaml_event_type_t type = err ? YAML_NO_EVENT : event.type;

        if (err)
            return err;
        if (type == YAML_DOCUMENT_START_EVENT)
            err = err_set(ERR_PARSE,
                          "%s:%zu: a second document begins: one file holds one; put it into "
                          "a file of its own (files given later win, key by key)",
                          r->name, event.start_mark.line + 1);
        yaml_event_delete(&event);
        if (err || type == YAML_STREAM_END_EVENT)
            return err;
    }
}

/* One document, of any kind: a file's must be a map (config_tree_yaml), a typed value need not.
 */
static enum err parse(json_t **out, const char *text, size_t n, const char *name)
{
    struct yaml_reader r = {.name = name};
    enum err err;

    if (n > BYTES_MAX)
        return err_set(ERR_RANGE, "%s: %zu bytes, at most %d are read", name, n, BYTES_MAX);
    if (!yaml_parser_initialize(&r.parser))
        return err_set(ERR_NOMEM, "%s: no memory to parse", name);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    err = document(&r, out);
    if (!err && !r.empty)
        err = ended(&r);
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    yaml_parser_delete(&r.parser);
    return err;
}

enum err config_tree_yaml(json_t **out, const char *text, size_t n, const char *name)
{
    const enum err err = parse(out, text, n, name);

    if (err)
        return err;
    if (json_is_null(*out)) {
        json_decref(*out);
        *out = json_object();
    }
    if (json_is_object(*out))
        return OK;
    json_decref(*out);
    *out = NULL;
    return err_set(ERR_PARSE, "%s: expected lines of `key: value`", name);
}

enum err config_tree_file(json_t **out, const char *path)
{
    char *text;
    size_t n;
    enum err err = fs_read(&text, &n, path, BYTES_MAX);

    *out = NULL;
    if (err)
        return err;
    err = config_tree_yaml(out, text, n, path);
    free(text);
    return err;
}

/* Puts `item` under a dotted path. What stands on the way and is no map is replaced by one: the
 * later word wins, as everywhere on a command line. */
static enum err place(json_t *root, const char *path, json_t *item)
{
    char *copy = mem_text(path), *save = NULL;
    json_t *at = root;
    enum err err = OK;

    for (char *part = strtok_r(copy, ".", &save), *after; part; part = after) {
        after = strtok_r(NULL, ".", &save);
        if (!after) {
            json_object_set(at, part, item);
            break;
        }
        json_t *inner = json_object_get(at, part);
        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_set_new(at, part, inner);
        }
        at = inner;
    }
    free(copy);
    return err;
}

enum err config_tree_set(json_t *root, const char *path, const char *text)
{
    json_t *item = NULL;
    enum err err = OK;

    if (!*path || *path == '.' || strstr(path, ".."))
        return err_set(ERR_PARSE, "'%s': not a key", path);
    /* A dash alone means standard output to who types it, and not YAML's list of one nothing. */
    if (!strcmp(text, "-"))
        item = json_string(text);
    else
        err = parse(&item, text, strlen(text), path);
    if (err)
        return err;
    err = place(root, path, item);
    json_decref(item);
    return err;
}

/* By its name: an argument that ends so is a file even where a value would be allowed. */
static bool is_yaml(const char *arg)
{
    const size_t n = strlen(arg);

    return (n > 5 && !strcmp(arg + n - 5, ".yaml")) || (n > 4 && !strcmp(arg + n - 4, ".yml"));
}

/* Key by key at the top level: of two files the later wins, and keeps what it does not speak
 * of. */
static enum err merge_file(json_t *root, const char *path)
{
    json_t *file = NULL;
    enum err err = config_tree_file(&file, path);

    if (!err)
        json_object_update(root, file);
    json_decref(file);
    return err;
}

/* --key value [value ...]: sets `key`; returns how many arguments were values. */
static enum err option(json_t *root, const char *key, int left, char **values, int *used)
{
    json_t *list;
    enum err err = OK;

    *used = 0;
    while (*used < left && strncmp(values[*used], "--", 2) && !strchr(values[*used], '=') &&
           !(*used && is_yaml(values[*used])))
        ++*used;
    if (*used <= 1)
        return config_tree_set(root, key, *used ? values[0] : "true");
    list = json_array();
    for (int i = 0; i < *used; i++)
        json_array_append_new(list, json_string(values[i]));
    err = place(root, key, list);
    json_decref(list);
    return err;
}

static enum err key_value(json_t *root, const char *arg)
{
    const char *eq = strchr(arg, '=');
    char *key = mem_text(arg);
    enum err err;

    key[eq - arg] = 0;
    err = config_tree_set(root, key, eq + 1);
    free(key);
    return err;
}

/* One argument of the second pass, and what belongs to it; *i ends at the last that was used.
 */
static enum err one(json_t *root, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    int used = 0;
    enum err err;

    if (!strcmp(arg, "--config")) {
        ++*i;
        return OK; /* read in the first pass */
    }
    if (!strncmp(arg, "--", 2) && arg[2] && !strchr(arg, '=')) {
        err = option(root, arg + 2, argc - *i - 1, argv + *i + 1, &used);
        *i += used;
        return err;
    }
    if (!strncmp(arg, "--", 2))
        arg += 2;
    if (strchr(arg, '=') && *arg != '=')
        return key_value(root, arg);
    if (is_yaml(arg))
        return OK;
    return err_set(ERR_PARSE, "'%s': expected FILE.yaml, key=value or --key value", arg);
}

enum err config_tree_args(json_t *root, int argc, char **argv)
{
    enum err err = OK;

    for (int i = 0; i < argc && !err; i++)
        if (!strcmp(argv[i], "--config") && i + 1 < argc)
            err = merge_file(root, argv[++i]);
        else if (is_yaml(argv[i]) && !strchr(argv[i], '=') &&
                 (!i || strncmp(argv[i - 1], "--", 2)))
            err = merge_file(root, argv[i]);
    for (int i = 0; i < argc && !err; i++)
        err = one(root, argc, argv, &i);
    return err;
}

json_t *config_tree_given(json_t *root)
{
    const char *name;
    json_t *item;
    void *next;

    json_object_foreach_safe(root, next, name, item)
    {
        if (json_is_null(item))
            json_object_del(root, name);
    }
    return root;
}
