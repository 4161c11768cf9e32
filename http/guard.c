/* Pure functions of what a request's head says; who asks them decides which status a refusal has.
 *
 * An Origin is compared as a whole with what the browser must send for the Host that was already
 * found right: scheme, "://", Host. "null", which sandboxed pages and files send, equals none. */

#include "http/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* Length of a Host without its port. */
static size_t name_length(const char *host)
{
    return host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
}

bool guard_here(const char *host)
{
    const size_t n = name_length(host);

    if (n == 5 && !strncmp(host, "[::1]", n))
        return true;
    if (n == 9 && !strncasecmp(host, "localhost", n))
        return true;
    return n <= 15 && !strncmp(host, "127.", 4) && strspn(host, "0123456789.") == n;
}

enum err guard_proxy(struct guard *guard, const char *address)
{
    if (inet_pton(AF_INET, address, guard->proxy) == 1)
        guard->n_proxy = 4;
    else if (inet_pton(AF_INET6, address, guard->proxy) == 1)
        guard->n_proxy = 16;
    else
        return err_set(ERR_PARSE, "behind_proxy: '%s' is no numeric address", address);
    return OK;
}

bool guard_is_proxy(const struct guard *guard, const unsigned char peer[16], size_t n)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (n == 16 && guard->n_proxy == 4 && !memcmp(peer, mapped, sizeof mapped))
        return !memcmp(peer + 12, guard->proxy, 4);
    return n && n == guard->n_proxy && !memcmp(peer, guard->proxy, n);
}

/* One name of the list: as it is, or without the Host's port. */
static bool listed(const char *hosts, const char *host)
{
    const size_t whole = strlen(host), bare = name_length(host);

    while (hosts && *hosts) {
        const size_t n = strcspn(hosts, ",");

        if (n && (n == whole || n == bare) && !strncasecmp(hosts, host, n))
            return true;
        hosts += n + (hosts[n] == ',');
    }
    return false;
}

/* A request without Host is of no browser, and refused as a wrong one is. */
enum err guard_host(const struct guard *guard, const char *host)
{
    if (host && ((guard->here && guard_here(host)) || listed(guard->hosts, host)))
        return OK;
    return err_set(ERR_RANGE, "Host '%s' is no name of this page (host=NAME allows one)",
                   host ? host : "");
}

enum err guard_origin(const struct guard *guard, const char *origin, const char *host,
                      bool required)
{
    const char *const scheme = guard->secure ? "https://" : "http://";
    const size_t n = strlen(scheme);

    if (!origin && !required)
        return OK;
    if (origin && host && !strncasecmp(origin, scheme, n) && !strcasecmp(origin + n, host))
        return OK;
    return err_set(ERR_RANGE, "Origin '%s': only the page itself may do that",
                   origin ? origin : "");
}

bool guard_json(const char *kind)
{
    static const char name[] = "application/json";
    const size_t n = sizeof name - 1;

    return kind && !strncasecmp(kind, name, n) && (!kind[n] || strchr("; \t", kind[n]));
}
