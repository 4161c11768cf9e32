/* The hub cuts a revision's list at 50,000 files. Its tree has them all, a thousand or so a page, each
 * of which names the next in a Link header (RFC 8288, rel="next"). A page is read, its files are kept,
 * and it goes, so that memory is that of the names.
 *
 * The link is followed within the hub alone, since the token goes with it, and each page has to bring
 * something, so that a hub that leads in a circle is left. */
#include "hfhub/tree.h"

#include "base/mem.h"
#include "base/say.h"
#include "hfhub/listing.h"
#include "hfhub/request.h"

#include <stdlib.h>
#include <string.h>

/* https://hub/api/…, or a path of the hub's own. */
static char *within(const char *endpoint, const char *link)
{
    const size_t n = strlen(endpoint);

    if (*link == '/' && link[1] != '/')
        return mem_print("%s%s", endpoint, link);
    return !strncmp(link, endpoint, n) && link[n] == '/' ? mem_text(link) : NULL;
}

/* One page; *url becomes the next one's, NULL behind the last. */
static enum err read_page(struct repo *o, char **url, const char *endpoint, const char *token,
                          size_t *n_odd)
{
    struct request_answer seen;
    char *text, *next = NULL;
    size_t n, entries = 0;
    enum err err =
        request_text(&text, &n, &seen, *url, token, "application/json", LISTING_BYTES);

    if (err)
        return err;
    err = listing_page(o, text, n, *url, &entries, n_odd);
    free(text);
    if (!err && o->n > TREE_FILES)
        err = err_set(ERR_RANGE, "%.300s: more than %d files", *url, TREE_FILES);
    if (!err && *seen.page) {
        next = within(endpoint, seen.page);
        if (!next || !entries)
            err = err_set(ERR_PARSE, "%.300s: the hub's list leads %s", *url,
                          next ? "on and on" : "elsewhere");
    }
    free(*url);
    *url = err ? NULL : next;
    if (err)
        free(next);
    return err;
}

enum err tree_read(struct repo *o, const char *endpoint, const char *token)
{
    char *url = mem_print("%s/api/%s/%s/tree/%s?recursive=true", endpoint,
                          o->kind == REPO_DATASET ? "datasets" : "models", o->name, o->commit);
    size_t n_odd = 0;
    enum err err = OK;

    while (!err && url)
        err = read_page(o, &url, endpoint, token, &n_odd);
    free(url);
    if (!err && n_odd)
        say(stderr, "hub: left out: %zu file(s) of %s with odd names\n", n_odd, o->name);
    if (!err && !listing_sort(o))
        err = err_set(ERR_PARSE, "%s: the hub lists a file twice", o->name);
    if (err)
        listing_free(o);
    return err;
}
