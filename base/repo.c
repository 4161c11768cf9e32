/* How it works: a name is taken apart into repository, revision and what is meant inside it
 * (split), looked up among those that were opened already, and handed to the installed source
 * only if it is new: so a run that opens its model three times asks a hub once, says it once,
 * and cannot get two different states of one branch. repo_pin stands before all that: a run
 * that goes on takes the commits that its record has.
 *
 * What must hold: names reach URLs and folders, so every letter is checked here, once. */
#include "base/repo.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX = 256, PIN_MAX = 256, PART_MAX = 96, INSIDE_MAX = 200 };

static const struct repo_source *source;
static struct repo *opened[OPEN_MAX];
static size_t n_opened;
static struct pin {
    enum repo_kind kind;
    char *name, *revision, *commit;
} pins[PIN_MAX];
static size_t n_pins;

static const char *const kinds[] = {"model", "dataset"};

struct names {
    bool told; /* kind was written out: hf://datasets/ */
    enum repo_kind kind;
    char repo[REPO_NAME], revision[REPO_NAME], inside[REPO_NAME];
};

void repo_serve(const struct repo_source *with)
{
    source = with;
}

static bool alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A hub's own rule for owner and name: nothing that a path, an option or a URL reads otherwise. */
static bool is_part(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool mark = text[i] == '.' || text[i] == '-' || text[i] == '_';
        if (!alnum(text[i]) && !mark)
            return false;
        if (i && (text[i] == '.' || text[i] == '-') && text[i] == text[i - 1])
            return false; /* ".." climbs, "--" parts names in the cache's folders */
    }
    return n && n <= PART_MAX && *text != '.' && *text != '-' && text[n - 1] != '.' &&
           text[n - 1] != '-';
}

static bool is_revision(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!alnum(text[i]) && !memchr("._-/+", text[i], 5))
            return false;
    for (size_t i = 0; i + 1 < n; i++)
        if ((text[i] == '.' && text[i + 1] == '.') || (text[i] == '/' && text[i + 1] == '/'))
            return false;
    return n && n < 128 && *text != '/' && *text != '.' && *text != '-' && text[n - 1] != '/';
}

/* What stands inside may have any letters but those that act; no part of it climbs. */
static bool is_inside(const char *text)
{
    const char *part = text;

    for (const char *at = text;; at++) {
        if (*at && *at != '/') {
            if ((unsigned char)*at < 32 || *at == 127 || *at == '\\')
                return false;
            continue;
        }
        if (at == part || (at - part == 1 && *part == '.') ||
            (at - part == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        if (!*at)
            return strlen(text) <= INSIDE_MAX;
        part = at + 1;
    }
}

/* A revision in a hf:// name ends at the next slash, but for those that begin with refs/. */
static size_t revision_length(const char *text)
{
    static const char *const long_ones[] = {"refs/convert/", "refs/pr/"};
    size_t skip = 0;

    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++)
        if (!strncmp(text, long_ones[i], strlen(long_ones[i])))
            skip = strlen(long_ones[i]);
    return skip + strcspn(text + skip, "/");
}

/* data/train.jsonl is a file that is not there, and no business of a hub. */
static bool is_file(const char *name, size_t n)
{
    static const char *const ends[] = {".jsonl", ".json", ".parquet", ".arrow", ".csv",
                                       ".tsv",   ".gguf", ".gz",      ".zst",   ".safetensors",
                                       ".bin",   ".yaml", ".yml",     ".txt",   ".jinja"};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t m = strlen(ends[i]);
        if (n > m && !strncmp(name + n - m, ends[i], m))
            return true;
    }
    return false;
}

/* owner/name, then @REVISION, then /INSIDE where that is allowed. */
static bool take_apart(struct names *out, const char *text, bool inside)
{
    const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : NULL;
    size_t n = name ? strcspn(name, "/@") : 0;

    if (!name || !is_part(text, (size_t)(slash - text)) || !is_part(name, n) ||
        (!inside && is_file(name, n)))
        return false;
    snprintf(out->repo, sizeof out->repo, "%.*s", (int)(name + n - text), text);
    text = name + n;
    snprintf(out->revision, sizeof out->revision, "main");
    if (*text == '@') {
        n = inside ? revision_length(text + 1) : strlen(text + 1);
        if (!is_revision(text + 1, n))
            return false;
        snprintf(out->revision, sizeof out->revision, "%.*s", (int)n, text + 1);
        text += 1 + n;
    }
    *out->inside = 0;
    if (!*text)
        return true;
    if (!inside || !is_inside(text + 1))
        return false;
    snprintf(out->inside, sizeof out->inside, "%s", text + 1);
    return true;
}

static bool split(struct names *out, const char *text)
{
    const char *rest = text + strlen("hf://");

    *out = (struct names){.told = false};
    if (strlen(text) >= REPO_NAME)
        return false;
    if (strncmp(text, "hf://", strlen("hf://")) != 0)
        return take_apart(out, text, false);
    out->told = true;
    if (!strncmp(rest, "datasets/", strlen("datasets/"))) {
        out->kind = REPO_DATASET;
        rest += strlen("datasets/");
    } else if (!strncmp(rest, "models/", strlen("models/"))) {
        rest += strlen("models/");
    }
    return take_apart(out, rest, true);
}

bool repo_is_name(const char *text)
{
    struct names names;

    return text && split(&names, text);
}

bool repo_parts(const char *text, char name[REPO_NAME], char revision[REPO_NAME])
{
    struct names names;

    if (!split(&names, text) || *names.inside)
        return false;
    snprintf(name, REPO_NAME, "%s", names.repo);
    snprintf(revision, REPO_NAME, "%s", names.revision);
    return true;
}

/* ---- opening */

static const char *pinned(const struct repo *o)
{
    for (size_t i = 0; i < n_pins; i++)
        if (pins[i].kind == o->kind && !strcmp(pins[i].name, o->name) &&
            !strcmp(pins[i].revision, o->revision))
            return pins[i].commit;
    return NULL;
}

static const struct repo *known(enum repo_kind kind, const struct names *names)
{
    for (size_t i = 0; i < n_opened; i++)
        if (opened[i]->kind == kind && !strcmp(opened[i]->name, names->repo) &&
            !strcmp(opened[i]->revision, names->revision))
            return opened[i];
    return NULL;
}

static enum err open_new(const struct repo **out, enum repo_kind kind,
                         const struct names *names)
{
    struct repo *o;
    enum err err;

    if (!source)
        return err_set(ERR_IO, "%s: names of a hub are not looked up here", names->repo);
    if (n_opened == OPEN_MAX)
        return err_set(ERR_RANGE, "%s: more than %d repositories", names->repo, OPEN_MAX);
    o = mem_new(1, sizeof *o);
    o->kind = kind;
    snprintf(o->name, sizeof o->name, "%s", names->repo);
    snprintf(o->revision, sizeof o->revision, "%s", names->revision);
    err = source->open(o, pinned(o));
    if (err) {
        free(o);
        return err;
    }
    *out = opened[n_opened++] = o;
    return OK;
}

enum err repo_open(const struct repo **out, enum repo_kind kind, const char *text,
                   char inside[REPO_NAME])
{
    struct names names;

    *out = NULL;
    if (!split(&names, text))
        return err_set(ERR_RANGE,
                       "'%s': owner/name of a hub is meant, of letters, digits and "
                       ". _ - , perhaps with @REVISION",
                       text);
    if (names.told && names.kind != kind)
        return err_set(ERR_RANGE, "'%s' is a %s, a %s is meant here", text, kinds[names.kind],
                       kinds[kind]);
    if (inside)
        snprintf(inside, REPO_NAME, "%s", names.inside);
    *out = known(kind, &names);
    return *out ? OK : open_new(out, kind, &names);
}

static int by_path(const void *key, const void *file)
{
    return strcmp(key, ((const struct repo_file *)file)->path);
}

long repo_find(const struct repo *repo, const char *path)
{
    const struct repo_file *found =
        repo->n ? bsearch(path, repo->file, repo->n, sizeof *repo->file, by_path) : NULL;

    return found ? (long)(found - repo->file) : -1;
}

enum err repo_take(const struct repo *repo, const size_t *at, size_t n)
{
    for (size_t i = 0; i < n_opened && source; i++)
        if (opened[i] == repo)
            return source->take(opened[i], at, n);
    return err_set(ERR_IO, "%s: there is no way to a hub here", repo->name);
}

/* ---- what a run keeps */

static json_t *row(enum repo_kind kind, const char *name, const char *revision,
                   const char *commit)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "kind", kinds[kind], "name", name, "revision",
                     revision, "commit", commit);
}

/* What was taken by an earlier start of the run and kept, and is not opened by this one, was taken
 * all the same. */
json_t *repo_record(void)
{
    json_t *list = n_opened || n_pins ? json_array() : NULL;

    for (size_t i = 0; i < n_opened; i++)
        json_array_append_new(list, row(opened[i]->kind, opened[i]->name, opened[i]->revision,
                                        opened[i]->commit));
    for (size_t i = 0; i < n_pins; i++) {
        struct names names = {.told = false};
        snprintf(names.repo, sizeof names.repo, "%s", pins[i].name);
        snprintf(names.revision, sizeof names.revision, "%s", pins[i].revision);
        if (!known(pins[i].kind, &names))
            json_array_append_new(
                list, row(pins[i].kind, pins[i].name, pins[i].revision, pins[i].commit));
    }
    return list;
}

/* As carefully as a name that was typed: a run's folder may come from anywhere. */
void repo_pin(const json_t *record)
{
    const json_t *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)record, i, one)
    {
        const char *kind = json_string_value(json_object_get(one, "kind"));
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *revision = json_string_value(json_object_get(one, "revision"));
        const char *commit = json_string_value(json_object_get(one, "commit"));
        if (!kind || !name || !revision || !commit || n_pins == PIN_MAX ||
            strlen(commit) >= REPO_COMMIT || !is_revision(commit, strlen(commit)) ||
            strchr(commit, '/'))
            continue;
        pins[n_pins++] =
            (struct pin){strcmp(kind, kinds[REPO_DATASET]) ? REPO_MODEL : REPO_DATASET,
                         mem_text(name), mem_text(revision), mem_text(commit)};
    }
}

char *repo_at(const char *text, const char *revision)
{
    struct names names;

    if (!revision || !strcmp(revision, "main") || !split(&names, text) || strchr(text, '@'))
        return mem_text(text);
    if (!names.told)
        return mem_print("%s@%s", text, revision);
    return mem_print("hf://%s%s@%s%s%s", names.kind == REPO_DATASET ? "datasets/" : "",
                     names.repo, revision, *names.inside ? "/" : "", names.inside);
}

void repo_forget(void)
{
    for (size_t i = 0; i < n_opened; i++) {
        if (source)
            source->close(opened[i]);
        free(opened[i]);
    }
    n_opened = 0;
    for (size_t i = 0; i < n_pins; i++) {
        free(pins[i].name);
        free(pins[i].revision);
        free(pins[i].commit);
    }
    n_pins = 0;
}
