/* The variables and their order are huggingface_hub's, older names included:
 * whoever has set them for transformers has set them for us, and both find one cache. A token is
 * looked at before it is used: it becomes a header, in which a line's end would begin another. */
#include "hfhub/hubplace.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_MAX = 4096 };

/* A variable that is set to nothing is as good as unset. */
static const char *env(const char *name, const char *older)
{
    const char *value = getenv(name);

    if (!(value && *value) && older)
        value = getenv(older);
    return value && *value ? value : NULL;
}

bool hubplace_is_set(const char *variable)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    const char *value = env(variable, NULL);

    for (size_t i = 0; value && i < sizeof yes / sizeof *yes; i++)
        if (!strcasecmp(value, yes[i]))
            return true;
    return false;
}

/* ~ is the home; no other user's. */
static char *expanded(const char *path)
{
    const char *home = env("HOME", NULL);

    return *path == '~' && (!path[1] || path[1] == '/') && home
               ? mem_print("%s%s", home, path + 1)
               : mem_text(path);
}

static char *home_of_hub(void)
{
    const char *own = env("HF_HOME", NULL), *xdg = env("XDG_CACHE_HOME", NULL);
    char *base, *home;

    if (own)
        return expanded(own);
    base = expanded(xdg ? xdg : "~/.cache");
    home = mem_print("%s/huggingface", base);
    free(base);
    return home;
}

/* Blanks around it are an editor's; anything else that no token has is an error. */
static enum err clean(char **out, const char *text, const char *whence)
{
    size_t n;

    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return err_set(ERR_RANGE, "%s: no token of a hub: it has a character that none has",
                           whence);
    *out = n ? mem_print("%.*s", (int)n, text) : NULL;
    return OK;
}

static enum err read_token(char **out, const char *home)
{
    const char *told = env("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
               *where = env("HF_TOKEN_PATH", NULL);
    char *path, *text = NULL;
    size_t n;
    enum err err = OK;

    *out = NULL;
    if (told)
        return clean(out, told, "HF_TOKEN");
    /* what lies in a file may be kept from being sent unasked */
    if (hubplace_is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return OK;
    path = where ? expanded(where) : mem_print("%s/token", home);
    if (fs_exists(path))
        err = fs_read(&text, &n, path, TOKEN_MAX);
    if (!err && text)
        err = clean(out, text, path);
    free(text);
    free(path);
    return err;
}

static enum err read_endpoint(char **out)
{
    const char *told = env("HF_ENDPOINT", NULL);
    size_t n;

    if (!told)
        told = "https://huggingface.co";
    n = strlen(told);
    while (n && told[n - 1] == '/')
        n--;
    *out = mem_print("%.*s", (int)n, told);
    if (strncmp(*out, "https://", 8) != 0 && strncmp(*out, "http://", 7) != 0)
        return err_set(ERR_RANGE, "HF_ENDPOINT: '%s' is no http:// or https:// address", told);
    return OK;
}

/* Whoever listens on the way reads it. It is what the person asked for, and said. */
static void tell_plain(const struct hubplace *place)
{
    const char *host = place->endpoint + strlen("http://");

    if (place->token && !strncmp(place->endpoint, "http://", strlen("http://")) &&
        strncmp(host, "127.", 4) != 0 && strncmp(host, "localhost", 9) != 0)
        log_warn("token", "endpoint=%s the token of the hub goes there without encryption",
                 place->endpoint);
}

enum err hubplace_read(struct hubplace *out)
{
    const char *cache = env("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
    char *home = home_of_hub();
    enum err err;

    *out = (struct hubplace){.offline = hubplace_is_set("HF_HUB_OFFLINE") ||
                                        hubplace_is_set("TRANSFORMERS_OFFLINE") ||
                                        hubplace_is_set("HF_DATASETS_OFFLINE"),
                             .quiet = hubplace_is_set("HF_HUB_DISABLE_PROGRESS_BARS")};
    out->cache = cache ? expanded(cache) : mem_print("%s/hub", home);
    err = read_endpoint(&out->endpoint);
    if (!err)
        err = read_token(&out->token, home);
    if (!err)
        tell_plain(out);
    free(home);
    if (err)
        hubplace_free(out);
    return err;
}

void hubplace_free(struct hubplace *place)
{
    free(place->endpoint);
    free(place->cache);
    free(place->token);
    *place = (struct hubplace){.offline = false};
}
