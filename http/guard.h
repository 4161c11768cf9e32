/* guard: whether a request may come from where it says: the names that a server is called by, and
 * the proxy whose word about others is believed.
 *
 * A page of elsewhere in somebody's browser can ask too: by a name of its own that leads to this
 * address (DNS rebinding: Host), or blindly, with a form (Origin). Both are refused by name. */

#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* localhost, 127.x.y.z, [::1], with a port or without. */
bool guard_here(const char *host);

struct guard {
    const char *hosts; /* names that are allowed besides this machine's own for itself, split by
                          ','; NULL: none. Each without a port stands for any */
    bool here;         /* this machine's own names are allowed */
    bool secure;       /* pages come over TLS, its own or a proxy's */
    unsigned char proxy[16];
    size_t n_proxy; /* bytes of the proxy's address: 0, 4, 16 */
};

/* A numeric address. Errors: ERR_PARSE. */
enum err guard_proxy(struct guard *guard, const char *address) MUST_CHECK;

/* Is this peer (desk_peer) the proxy? IPv4 within IPv6 is IPv4. */
bool guard_is_proxy(const struct guard *guard, const unsigned char peer[16], size_t n);

/* Host as a request has it, NULL: none. Errors: ERR_RANGE. */
enum err guard_host(const struct guard *guard, const char *host) MUST_CHECK;

/* Origin of a request that changes something: it is the page's own, scheme and Host. `required`:
 * one must be there. Errors: ERR_RANGE. */
enum err guard_origin(const struct guard *guard, const char *origin, const char *host,
                      bool required) MUST_CHECK;

/* Content-Type is application/json: what a form of elsewhere cannot send unasked. */
bool guard_json(const char *kind);

#endif
