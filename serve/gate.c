/* With a key each request says it (Authorization: Bearer KEY); it is compared as a hash, in a time
 * that tells nothing of it.
 *
 * Without a key the address is this machine's own, but a page in a browser here could still ask:
 * by a name of its own that it has lead to 127.0.0.1, or blindly, with a form. So the Host must be
 * this machine's name for itself, and a body must be called JSON, which a page of elsewhere may not
 * send without asking first. */

#include "serve/gate.h"

#include "base/fs.h"
#include "http/guard.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_LEAST = 16, KEY_MOST = 4096 };

static void digest(unsigned char hash[32], const char *text)
{
    crypto_generichash(hash, 32, (const unsigned char *)text, strlen(text), NULL, 0);
}

enum err gate_open(struct gate *gate, const char *file)
{
    char *text = NULL;
    size_t n;
    const char *key = getenv("DROVER_API_KEY");

    memset(gate, 0, sizeof *gate);
    if (file && *file) {
        if (fs_read(&text, &n, file, KEY_MOST))
            return err_add("api_key");
        text[strcspn(text, "\r\n")] = 0;
        key = text;
    }
    gate->keyed = key != NULL;
    if (key && strlen(key) < KEY_LEAST) {
        free(text);
        return err_set(ERR_RANGE, "api_key: shorter than %d bytes can be guessed", KEY_LEAST);
    }
    if (key)
        digest(gate->hash, key);
    free(text);
    return OK;
}

static bool knows(const struct gate *gate, const char *given)
{
    static const char scheme[] = "Bearer ";
    unsigned char hash[32];

    if (!given || strncasecmp(given, scheme, sizeof scheme - 1) != 0)
        return false;
    digest(hash, given + sizeof scheme - 1);
    return sodium_memcmp(hash, gate->hash, sizeof hash) == 0;
}

/* Each check is written out only where it fails, so that a refusal has one reason. */
unsigned gate_check(const struct gate *gate, struct MHD_Connection *from, bool posts)
{
    const char *host = MHD_lookup_connection_value(from, MHD_HEADER_KIND, "Host");

    if (gate->keyed &&
        !knows(gate, MHD_lookup_connection_value(from, MHD_HEADER_KIND, "Authorization"))) {
        (void)err_set(ERR_RANGE, "no valid key: Authorization: Bearer KEY");
        return MHD_HTTP_UNAUTHORIZED;
    }
    if (!gate->keyed && host && !guard_here(host)) {
        (void)err_set(ERR_RANGE,
                      "Host '%s': without a key this machine alone is answered, as localhost",
                      host);
        return MHD_HTTP_FORBIDDEN;
    }
    if (posts &&
        !guard_json(MHD_lookup_connection_value(from, MHD_HEADER_KIND, "Content-Type"))) {
        (void)err_set(ERR_RANGE, "Content-Type: expected application/json");
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    return 0;
}
