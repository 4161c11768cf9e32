/* Connections that say nothing: found among all descriptors of a process, shut in time. */

#include "tests/support/test.h"

#include "proto/silent.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 300, NOW = 1000000 };

/* A port, and both ends of each connection to it. */
struct port {
    struct silent *silent;
    int listener, near[MANY], far[MANY], n, shut, speaker;
    char address[SILENT_ADDRESS]; /* of the last that was shut */
};

static bool heard(void *self, int fd)
{
    const struct port *p = self;

    return fd == p->speaker;
}

static void shut(void *self, const char *address, int64_t now_ms)
{
    struct port *p = self;

    (void)now_ms;
    p->shut++;
    snprintf(p->address, sizeof p->address, "%s", address);
}

static int open_port(void **state)
{
    struct port *p = calloc(1, sizeof *p);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    char endpoint[64];

    p->speaker = -1;
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(0, bind(p->listener, (struct sockaddr *)&at, n));
    assert_int_equal(0, listen(p->listener, MANY));
    assert_int_equal(0, getsockname(p->listener, (struct sockaddr *)&at, &n));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    silent_new(&p->silent, endpoint, &(struct silent_conf){heard, shut, p});
    *state = p;
    return 0;
}

static int close_port(void **state)
{
    struct port *p = *state;

    for (int i = 0; i < p->n; i++) {
        close(p->near[i]);
        close(p->far[i]);
    }
    close(p->listener);
    silent_free(p->silent);
    free(p);
    return 0;
}

static void come(struct port *p, int n)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;

    assert_int_equal(0, getsockname(p->listener, (struct sockaddr *)&at, &size));
    for (; n; n--, p->n++) {
        p->far[p->n] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(0, connect(p->far[p->n], (struct sockaddr *)&at, sizeof at));
        p->near[p->n] = accept(p->listener, NULL, NULL);
        assert_true(p->near[p->n] >= 0);
    }
}

static bool ended(const struct port *p, int i)
{
    char byte;

    return recv(p->far[i], &byte, 1, MSG_DONTWAIT) == 0;
}

static void who_says_nothing_is_shut(void **state)
{
    struct port *p = *state;

    come(p, 3);
    p->speaker = p->near[1];
    silent_tick(p->silent, NOW);
    silent_tick(p->silent, NOW + SILENT_MS - 1);
    assert_int_equal(p->shut, 0);
    come(p, 1);
    silent_tick(p->silent, NOW + SILENT_MS + SILENT_LOOK_MS);
    assert_int_equal(p->shut, 2);
    assert_string_equal(p->address, "127.0.0.1");
    assert_true(ended(p, 0) && ended(p, 2));
    assert_false(ended(p, 1) || ended(p, 3));
}

/* A number that is given to another connection begins anew. */
static void another_connection_has_its_own_time(void **state)
{
    struct port *p = *state;
    int was;

    come(p, 1);
    silent_tick(p->silent, NOW);
    was = p->near[0];
    close(p->near[0]);
    close(p->far[0]);
    p->n = 0;
    come(p, 1);
    if (p->near[0] != was) { /* the far end may have taken it: then this one is new anyhow */
        assert_int_equal(dup2(p->near[0], was), was);
        close(p->near[0]);
        p->near[0] = was;
    }
    silent_tick(p->silent, NOW + SILENT_MS);
    assert_int_equal(p->shut, 0);
    silent_tick(p->silent, NOW + 2 * SILENT_MS);
    assert_int_equal(p->shut, 1);
}

static void of_too_many_the_first_are_shut(void **state)
{
    struct port *p = *state;

    come(p, MANY - SILENT_MAX);
    silent_tick(p->silent, NOW);
    come(p, SILENT_MAX);
    silent_tick(p->silent, NOW + SILENT_LOOK_MS);
    assert_int_equal(p->shut, 0); /* those that have just come are about to speak */
    silent_tick(p->silent, NOW + 2 * SILENT_LOOK_MS);
    assert_int_equal(p->shut, MANY - SILENT_MAX);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(ended(p, i), i < MANY - SILENT_MAX);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_port, close_port)
    const struct CMUnitTest tests[] = {
        T(who_says_nothing_is_shut),
        T(another_connection_has_its_own_time),
        T(of_too_many_the_first_are_shut),
    };

    return cmocka_run_group_tests_name("proto/silent", tests, NULL, NULL);
}
