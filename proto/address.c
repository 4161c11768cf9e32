/* libzmq's option ZMQ_IPV6 holds for what is dialled or bound after it is set. With it an IPv4
 * address is dialled, and seen by the other side, as an IPv6 one that maps it; so it is on only
 * where it has to be, and everybody who knows IPv4 addresses goes on seeing those.
 *
 * A list is gone through in a circle, and what is left is dialled again a round later: a broker
 * that comes back is found, wherever it is. */

#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* Nobody: the kernel said so, or the resolver; a broker that starts just now gets another round.
 * Silent: three times what a handshake with keys takes across the longest lines, so that the
 * right address is not left for the wrong one on its way. */
enum { NOBODY_MS = 300, SILENT_MS = 3000, HOST = sizeof "tcp://" - 1 };

/* 0 is allowed here: it dials nobody, and a listener takes any port by it. */
static bool is_port(const char *text)
{
    char *end;
    const long port = strtol(text, &end, 10);

    return *text >= '0' && *text <= '9' && !*end && port <= 65535;
}

/* Into `host`, without brackets. False: no address. A bare IPv6 address is none, since its last
 * group cannot be told from a port; libzmq's own "source;target" is not offered, either. */
static bool split(const char *endpoint, char host[ADDRESS_TEXT], bool *literal_v6)
{
    const char *const colon = strrchr(endpoint, ':');
    size_t n;

    if (strncmp(endpoint, "tcp://", HOST) || !colon || colon <= endpoint + HOST ||
        !is_port(colon + 1))
        return false;
    n = (size_t)(colon - endpoint) - HOST;
    snprintf(host, ADDRESS_TEXT, "%.*s", (int)n, endpoint + HOST);
    *literal_v6 = *host == '[';
    if (!*literal_v6)
        return !strpbrk(host, ":[]; \t\n");
    if (n < 3 || host[n - 1] != ']')
        return false;
    host[n - 1] = '\0';
    memmove(host, host + 1, n - 1);
    return strchr(host, ':') && !strpbrk(host, "[]; \t\n");
}

/* A literal is one place, of its family; everything else is a name, and two. What a name stands for
 * is looked up by libzmq at each try, in a thread of its own: it may change while a run goes on, and
 * a resolver that is slow holds up nobody. */
static enum err add(struct address_list *out, const char *one)
{
    char host[ADDRESS_TEXT];
    struct in_addr v4;
    bool literal_v6;

    if (!split(one, host, &literal_v6))
        return err_set(ERR_RANGE, "'%.100s' is no address: tcp://HOST:PORT is meant%s", one,
                       strchr(one, ':') != strrchr(one, ':') && !strncmp(one, "tcp://", HOST)
                           ? ", an IPv6 address in brackets"
                           : "");
    if (!literal_v6) {
        snprintf(out->place[out->n].endpoint, ADDRESS_TEXT, "%s", one);
        out->place[out->n++].v6 = false;
    }
    if (literal_v6 || inet_pton(AF_INET, host, &v4) != 1) {
        snprintf(out->place[out->n].endpoint, ADDRESS_TEXT, "%s", one);
        out->place[out->n++].v6 = true;
    }
    return OK;
}

enum err address_read(struct address_list *out, const char *text, int64_t now_ms)
{
    enum err err = OK;
    int n = 0;

    *out = (struct address_list){.since_ms = now_ms};
    do {
        char one[ADDRESS_TEXT];
        const size_t length = strcspn(text, ",");

        if (length >= sizeof one || n++ == ADDRESSES)
            return err_set(ERR_RANGE, "at most %d addresses of %d letters are dialled",
                           ADDRESSES, ADDRESS_TEXT - 1);
        snprintf(one, sizeof one, "%.*s", (int)length, text);
        err = add(out, one);
        text += length;
    } while (!err && *text++ == ',');
    return err;
}

bool address_due(const struct address_list *list, bool nobody, int64_t now_ms)
{
    return list->n > 1 && now_ms - list->since_ms >= (nobody ? NOBODY_MS : SILENT_MS);
}

void address_turn(struct address_list *list, int64_t now_ms)
{
    list->now = (list->now + 1) % list->n;
    list->since_ms = now_ms;
}

const char *address_now(const struct address_list *list)
{
    return list->place[list->now].endpoint;
}

static enum err family(void *socket, int v6)
{
    if (zmq_setsockopt(socket, ZMQ_IPV6, &v6, sizeof v6))
        return err_set(ERR_IO, "ZMQ_IPV6: %s", zmq_strerror(errno));
    return OK;
}

enum err address_connect(const struct address_list *list, void *socket)
{
    const enum err err = family(socket, list->place[list->now].v6);

    if (!err && zmq_connect(socket, address_now(list)))
        return err_set(ERR_RANGE, "'%.100s' is no address: tcp://HOST:PORT is meant",
                       address_now(list));
    return err;
}

/* With the option libzmq opens one socket for both families, and goes back to IPv4 by itself where
 * the kernel has no other. */
enum err address_listen(void *socket, const char *endpoint)
{
    return family(socket, !strncmp(endpoint, "tcp://[", HOST + 1) ||
                              !strncmp(endpoint, "tcp://*:", HOST + 2));
}

bool address_everywhere(const char *endpoint)
{
    static const char *const any[] = {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"};

    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        if (!strncmp(endpoint, any[i], strlen(any[i])))
            return true;
    return false;
}

void address_at(char out[ADDRESS_TEXT], const char *host, const char *endpoint)
{
    const char *const port = strrchr(endpoint, ':');
    const bool bare_v6 = *host != '[' && strchr(host, ':');

    snprintf(out, ADDRESS_TEXT, bare_v6 ? "tcp://[%.200s]%.8s" : "tcp://%.200s%.8s", host,
             port ? port : "");
}

const char *address_unmapped(const char *text)
{
    static const char mapped[] = "::ffff:";
    const bool is_v4 = !strncmp(text, mapped, sizeof mapped - 1) && strchr(text, '.');

    return is_v4 ? text + sizeof mapped - 1 : text;
}
