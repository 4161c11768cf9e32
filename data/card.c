/* How it works: the configuration is chosen first (choose): the one that is asked for, that says
 * default: true, that is called default, or that is the only one. It says patterns a split, which
 * are matched with the list of files; where it says none, names decide (by_names), in the order in
 * which `datasets` tries them: data/SPLIT-00000-of-00002.*, then the word train, test or
 * validation (and kin) in a file's name, then in a folder's, and at last all files are train.
 *
 * What must hold: a way that finds any split is the way for all of them. Else a set that has
 * only test files would hand those out as train as well. */
#include "data/card.h"

#include "base/config_tree.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "data/glob.h"
#include "data/split.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATTERNS_MAX = 4096, WORK_MAX = 200000000, SPLITS_SHOWN = 400 };

/* What people call their splits, as `datasets` has it. */
static const char *const words[][6] = {{"train", "training"},
                                       {"validation", "valid", "dev", "val"},
                                       {"test", "testing", "eval", "evaluation"}};
static const char separators[] = "-._ 0123456789";

enum card_way { BY_SHARD, BY_FILE, BY_FOLDER, ALL };

void card_answer_free(struct card_answer *answer)
{
    free(answer->at);
    free(answer->splits);
    *answer = (struct card_answer){.n = 0};
}

/* The lines between the first two "---"; the rest is prose. */
enum err card_read(json_t **out, const char *readme, size_t n, const char *name)
{
    const char *begin = n >= 4 && !strncmp(readme, "---", 3) ? strchr(readme, '\n') : NULL,
               *end;

    end = begin ? strstr(begin, "\n---") : NULL;
    if (!end) {
        *out = json_object();
        return OK;
    }
    return config_tree_yaml(out, begin + 1, (size_t)(end - begin), name);
}

/* ---- lists */

static void add(struct card_answer *out, size_t at)
{
    for (size_t i = 0; i < out->n; i++)
        if (out->at[i] == at)
            return;
    out->at = mem_grow(out->at, out->n + 1, sizeof *out->at);
    out->at[out->n++] = at;
}

static void add_name(struct card_answer *out, const char *name, size_t n)
{
    struct strbuf text = {NULL, 0, 0};
    const char *old = out->splits ? out->splits : "";
    char *one = mem_print(" %.*s ", (int)n, name), *all = mem_print("%s ", old);

    if (!strstr(all, one) && strlen(old) < SPLITS_SHOWN) {
        strbuf_print(&text, "%s %.*s", old, (int)n, name);
        free(out->splits);
        out->splits = text.text;
    }
    free(one);
    free(all);
}

/* The path below the question's folder; NULL: it lies elsewhere. */
static const char *below(const struct card_question *q, size_t i)
{
    const size_t n = q->folder ? strlen(q->folder) : 0;

    if (!n)
        return q->path[i];
    return !strncmp(q->path[i], q->folder, n) && q->path[i][n] == '/' ? q->path[i] + n + 1
                                                                      : NULL;
}

/* ---- patterns */

/* One pattern: its files in order. A pattern without a star may name a folder. */
static enum err match(struct card_answer *out, const struct card_question *q,
                      const char *pattern, size_t *work)
{
    const bool ended = *pattern && pattern[strlen(pattern) - 1] == '/';
    char *inside;
    enum err err = OK;

    if (!strncmp(pattern, "./", 2))
        pattern += 2;
    inside = mem_print("%s%s**", pattern, ended ? "" : "/");
    for (size_t i = 0; i < q->n && !err; i++) {
        const char *path = below(q, i);
        if (!path || !split_is_data(path))
            continue;
        *work += strlen(pattern) * strlen(path);
        if (*work > WORK_MAX)
            err = err_set(ERR_RANGE, "%s: its patterns of data_files take too long", q->name);
        else if (glob_match(pattern, path) ||
                 (!strpbrk(pattern, "*?[") && glob_match(inside, path)))
            add(out, i);
    }
    free(inside);
    return err;
}

static enum err match_all(struct card_answer *out, const struct card_question *q,
                          const json_t *patterns, size_t *work)
{
    const size_t n = json_is_array(patterns) ? json_array_size(patterns) : 1;
    enum err err = n > PATTERNS_MAX
                       ? err_set(ERR_RANGE, "%s: more than %d patterns", q->name, PATTERNS_MAX)
                       : OK;

    for (size_t i = 0; i < n && !err; i++) {
        const char *one =
            json_string_value(json_is_array(patterns) ? json_array_get(patterns, i) : patterns);
        err = one ? match(out, q, one, work)
                  : err_set(ERR_PARSE, "%s: data_files: a path or a list of paths is meant",
                            q->name);
    }
    return err;
}

/* {split: patterns}, [{split, path}], or patterns of train. */
enum err card_matching(struct card_answer *out, const struct card_question *q,
                       const json_t *files)
{
    const bool listed = json_is_array(files) && json_is_object(json_array_get(files, 0));
    const char *split;
    json_t *value;
    size_t i, work = 0;
    enum err err = OK;

    json_object_foreach((json_t *)(uintptr_t)files, split, value)
    {
        add_name(out, split, strlen(split));
        if (!err && !strcmp(split, q->split))
            err = match_all(out, q, value, &work);
    }
    json_array_foreach((json_t *)(uintptr_t)(listed ? files : NULL), i, value)
    {
        split = json_string_value(json_object_get(value, "split"));
        split = split ? split : "train";
        add_name(out, split, strlen(split));
        if (!err && !strcmp(split, q->split))
            err = match_all(out, q, json_object_get(value, "path"), &work);
    }
    if (!err && !listed && !json_is_object(files)) {
        add_name(out, "train", 5);
        if (!strcmp(q->split, "train"))
            err = match_all(out, q, files, &work);
    }
    return err;
}

/* ---- names */

/* data/SPLIT-00000-of-00002: the split's name, *n bytes; NULL: no shard. */
static const char *shard_of(const char *path, size_t *n)
{
    const char *name = !strncmp(path, "data/", 5) ? path + 5 : NULL, *dash;

    for (dash = name ? strchr(name, '-') : NULL; dash; dash = strchr(dash + 1, '-')) {
        int digits = 0;
        while (isdigit((unsigned char)dash[1 + digits]))
            digits++;
        if (digits == 5 && !strncmp(dash + 6, "-of-", 4) && isdigit((unsigned char)dash[10])) {
            *n = (size_t)(dash - name);
            return *n && !memchr(name, '/', *n) ? name : NULL;
        }
    }
    return NULL;
}

/* The word, not a part of a longer one. ends: the name's end ends it too (folders). */
static bool has_word(const char *name, size_t n, const char *word, bool ends)
{
    const size_t m = strlen(word);

    for (size_t i = 0; i + m <= n; i++) {
        const bool front = !i || strchr(separators, name[i - 1]);
        const bool back = i + m == n ? ends : strchr(separators, name[i + m]) != NULL;
        if (front && back && !strncmp(name + i, word, m))
            return true;
    }
    return false;
}

/* Whether any of a split's words stands in the file's name, or in one of its folders'. */
static bool says(const char *path, const char *const *list, enum card_way way)
{
    const char *slash;

    for (; (slash = strchr(path, '/')); path = slash + 1)
        for (int i = 0; way == BY_FOLDER && i < 6 && list[i]; i++)
            if (has_word(path, (size_t)(slash - path), list[i], true))
                return true;
    for (int i = 0; way == BY_FILE && i < 6 && list[i]; i++)
        if (has_word(path, strlen(path), list[i], false))
            return true;
    return false;
}

/* The file at i, by one way: whether it finds any split, and is it the asked one? */
static bool look(struct card_answer *out, const struct card_question *q, size_t i,
                 enum card_way way)
{
    const char *path = below(q, i), *name;
    bool any = way == ALL;
    size_t n = 0;

    if (way == BY_SHARD && (name = shard_of(path, &n))) {
        any = true;
        add_name(out, name, n);
        if (strlen(q->split) == n && !strncmp(q->split, name, n))
            add(out, i);
    }
    for (size_t w = 0; w < 3 && (way == BY_FILE || way == BY_FOLDER); w++) {
        if (!says(path, words[w], way))
            continue;
        any = true;
        add_name(out, words[w][0], strlen(words[w][0]));
        if (!strcmp(q->split, words[w][0]))
            add(out, i);
    }
    if (way == ALL) {
        add_name(out, "train", 5);
        if (!strcmp(q->split, "train"))
            add(out, i);
    }
    return any;
}

static void by_names(struct card_answer *out, const struct card_question *q)
{
    bool found = false;

    for (enum card_way way = BY_SHARD; way <= ALL && !found; way++)
        for (size_t i = 0; i < q->n; i++)
            if (below(q, i) && split_is_data(q->path[i]) && look(out, q, i, way))
                found = true;
}

/* ---- configurations */

static const char *name_of(const json_t *config)
{
    const char *name = json_string_value(json_object_get(config, "config_name"));

    return name ? name : "default";
}

static bool is_default(const json_t *config)
{
    const char *yes = json_string_value(json_object_get(config, "default"));

    return yes && !strcasecmp(yes, "true");
}

static enum err several(const struct card_question *q, const json_t *list)
{
    struct strbuf names = {NULL, 0, 0};
    json_t *one;
    size_t i;
    enum err err;

    json_array_foreach((json_t *)(uintptr_t)list, i, one) if (names.n < SPLITS_SHOWN)
        strbuf_print(&names, " %s", name_of(one));
    err = q->config ? err_set(ERR_RANGE, "%s: has no configuration '%s'; there are:%s", q->name,
                              q->config, names.text)
                    : err_set(ERR_RANGE,
                              "%s: has several configurations: choose one (dataset_config, in "
                              "datasets: name):%s",
                              q->name, names.text);
    free(names.text);
    return err;
}

/* *out NULL: the set has no configurations, and none is asked for. */
static enum err choose(const json_t **out, const struct card_question *q)
{
    const json_t *list = json_object_get(q->card, "configs");
    json_t *one;
    size_t i;

    *out = NULL;
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_set(ERR_PARSE, "%s: its configs are no list", q->name);
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        const bool wanted = q->config ? !strcmp(q->config, name_of(one))
                                      : is_default(one) || !strcmp("default", name_of(one)) ||
                                            json_array_size(list) == 1;
        /* default: true goes before the name */
        if (wanted && (!*out || is_default(one)))
            *out = one;
    }
    return *out || !json_array_size(list) ? OK : several(q, list);
}

/* A set without a card may have a folder a configuration. */
static enum err by_folder(struct card_answer *out, const struct card_question *q)
{
    struct card_question inner = *q;

    inner.folder = q->config;
    by_names(out, &inner);
    return out->splits ? OK
                       : err_set(ERR_RANGE,
                                 "%s: has no configuration '%s', nor a folder of that "
                                 "name with data",
                                 q->name, q->config);
}

enum err card_files(struct card_answer *out, const struct card_question *question)
{
    struct card_question q = *question;
    const json_t *config, *files;
    enum err err = choose(&config, &q);

    *out = (struct card_answer){.n = 0};
    if (!err && !config && q.config && strcmp(q.config, "default")) {
        err = by_folder(out, &q);
    } else if (!err) {
        const char *folder = json_string_value(json_object_get(config, "data_dir"));
        if (folder)
            q.folder = strncmp(folder, "./", 2) ? folder : folder + 2;
        files = json_object_get(config, "data_files");
        if (files && !json_is_null(files))
            err = card_matching(out, &q, files);
        else
            by_names(out, &q);
    }
    if (err)
        card_answer_free(out);
    return err;
}
