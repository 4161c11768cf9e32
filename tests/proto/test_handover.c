/* Pages from one process to another, and what comes instead: over the wire. */

#define _GNU_SOURCE /* MSG_NOSIGNAL, struct ucred */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/fetch.h"
#include "proto/handover.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 300000, FDS = 64 };

struct handover_fixture {
    struct handover *here;
    struct fetch *fetch;
    struct shared_memory *shared, *got;
    struct artifact what;
    int fd[FDS], fds; /* of both sides, watched */
};

static enum err watch(void *self, int fd)
{
    struct handover_fixture *fixture = self;

    assert_true(fixture->fds < FDS);
    fixture->fd[fixture->fds++] = fd;
    return OK;
}

static void unwatch(void *self, int fd)
{
    struct handover_fixture *fixture = self;

    for (int i = 0; i < fixture->fds; i++)
        if (fixture->fd[i] == fd)
            fixture->fd[i--] = fixture->fd[--fixture->fds];
}

static enum err watch_socket(void *self, void *socket)
{
    (void)self, (void)socket;
    return OK;
}

static void unwatch_socket(void *self, void *socket)
{
    (void)self, (void)socket;
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    struct handover_fixture *fixture = self;

    (void)now_ms;
    assert_true(hash_same(&what->hash, &fixture->what.hash));
    assert_string_equal(what->name, "policy");
    fixture->got = shared;
    return OK;
}

static struct id run_of(const struct handover_fixture *fixture)
{
    struct id run = {{0}};

    memcpy(run.byte, &fixture, sizeof fixture); /* no two tests at once meet */
    run.byte[15] = (uint8_t)getpid();
    run.byte[14] = (uint8_t)(getpid() >> 8);
    return run;
}

static void open_bed(struct handover_fixture *fixture)
{
    const struct id run = run_of(fixture);
    const struct handover_conf conf = {run, watch, unwatch, fixture};
    const struct fetch_conf fetch = {.role = ROLE_ACTOR,
                                     .name = "child",
                                     .watch = watch_socket,
                                     .unwatch = unwatch_socket,
                                     .watch_fd = watch,
                                     .unwatch_fd = unwatch,
                                     .got = got,
                                     .self = fixture};

    memset(fixture, 0, sizeof *fixture);
    assert_ok(shared_memory_new(&fixture->shared, SIZE, "test"));
    for (int i = 0; i < SIZE; i++)
        ((unsigned char *)shared_memory_bytes(fixture->shared))[i] = (unsigned char)(i * 11);
    assert_ok(shared_memory_seal(fixture->shared));
    fixture->what =
        (struct artifact){.hash = hash_of(shared_memory_bytes(fixture->shared), SIZE),
                          .bytes = SIZE,
                          .kind = ARTIFACT_IMAGE,
                          .name = "policy"};
    assert_ok(handover_open(&fixture->here, &conf));
    handover_put(fixture->here, &fixture->what.hash, fixture->shared);
    fetch_new(&fixture->fetch, &fetch);
    fetch_run(fixture->fetch, &run);
}

static void close_bed(struct handover_fixture *fixture)
{
    fetch_free(fixture->fetch);
    handover_close(fixture->here);
    shared_memory_free(fixture->shared);
    shared_memory_free(fixture->got);
    assert_int_equal(fixture->fds, 0);
}

static void turn(struct handover_fixture *fixture)
{
    struct pollfd poll_fd[FDS];
    int n = fixture->fds;

    for (int i = 0; i < n; i++)
        poll_fd[i] = (struct pollfd){fixture->fd[i], POLLIN, 0};
    poll(poll_fd, (nfds_t)n, 2);
    assert_ok(handover_readable(fixture->here, clock_mono_ms()));
    assert_ok(fetch_handed(fixture->fetch, clock_mono_ms()));
}

static void pages_come_without_the_wire(void **state)
{
    struct handover_fixture fixture;

    (void)state;
    open_bed(&fixture);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_true(fetch_wants(fixture.fetch, &fixture.what.hash));
    for (int i = 0; i < 100 && !fixture.got; i++)
        turn(&fixture);
    assert_non_null(fixture.got);
    assert_false(fetch_wants(fixture.fetch, &fixture.what.hash));
    assert_int_equal(fetch_pieces(fixture.fetch), 1);
    assert_memory_equal(shared_memory_bytes(fixture.got), shared_memory_bytes(fixture.shared),
                        SIZE);
    close_bed(&fixture);
}

/* Waits until the wire is asked: then there are chunks to tell of. */
static void assert_wired(struct handover_fixture *fixture)
{
    for (int i = 0; i < 100 && !*fetch_note(fixture->fetch); i++)
        turn(fixture);
    assert_string_equal(fetch_note(fixture->fetch), "policy: 0 of 1 chunks");
    assert_null(fixture->got);
    assert_true(fetch_wants(fixture->fetch, &fixture->what.hash));
}

static void who_has_it_not_says_so(void **state)
{
    struct handover_fixture fixture;

    (void)state;
    open_bed(&fixture);
    handover_remove(fixture.here, &fixture.what.hash);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_wired(&fixture);
    close_bed(&fixture);
}

static void pages_of_another_size_are_not_taken(void **state)
{
    struct handover_fixture fixture;

    (void)state;
    open_bed(&fixture);
    fixture.what.bytes = SIZE - 1;
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_wired(&fixture);
    close_bed(&fixture);
}

static void other_kinds_and_other_runs_go_over_the_wire(void **state)
{
    struct handover_fixture fixture;
    struct id other;

    (void)state;
    open_bed(&fixture);
    fixture.what.kind = ARTIFACT_CARD;
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_string_equal(fetch_note(fixture.fetch), "policy: 0 of 1 chunks");
    fetch_drop_all(fixture.fetch);
    other = run_of(&fixture);
    other.byte[0] ^= 1;
    fixture.what.kind = ARTIFACT_IMAGE;
    fetch_run(fixture.fetch, &other);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_string_equal(fetch_note(fixture.fetch), "policy: 0 of 1 chunks");
    close_bed(&fixture);
}

static void whoever_wants_the_wire_gets_it(void **state)
{
    const struct handover_conf conf = {.watch = watch, .unwatch = unwatch};
    struct handover *here;
    struct handover_fixture fixture;

    (void)state;
    open_bed(&fixture);
    setenv("DROVER_HANDOVER", "off", 1);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_err(ERR_IO, handover_open(&here, &conf));
    unsetenv("DROVER_HANDOVER");
    assert_string_equal(fetch_note(fixture.fetch), "policy: 0 of 1 chunks");
    close_bed(&fixture);
}

static void a_silent_giver_is_left(void **state)
{
    struct handover_fixture fixture;

    (void)state;
    open_bed(&fixture);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_ok(fetch_tick(fixture.fetch, 1000)); /* nobody hears: it stands still */
    assert_ok(fetch_tick(fixture.fetch, 1999));
    assert_string_equal(fetch_note(fixture.fetch), "");
    assert_ok(fetch_tick(fixture.fetch, 2000));
    assert_string_equal(fetch_note(fixture.fetch), "policy: 0 of 1 chunks");
    close_bed(&fixture);
}

static void a_second_giver_is_told(void **state)
{
    struct handover_fixture fixture;
    struct handover *second;
    struct handover_conf conf = {.watch = watch, .unwatch = unwatch, .self = &fixture};

    (void)state;
    open_bed(&fixture);
    conf.run = run_of(&fixture);
    assert_err(ERR_STATE, handover_open(&second, &conf));
    assert_null(second);
    handover_close(fixture.here); /* the first one ends: its address is free */
    assert_ok(handover_open(&fixture.here, &conf));
    close_bed(&fixture);
}

/* Guests that say nothing, too little or too much, more of them than there is room for. */
static void bad_guests_do_no_harm(void **state)
{
    const char junk[100] = "junk";
    struct handover_fixture fixture;
    struct id run;
    int fd[3 * HANDOVER_GUESTS];

    (void)state;
    open_bed(&fixture);
    run = run_of(&fixture);
    for (int i = 0; i < 3 * HANDOVER_GUESTS; i++) {
        struct hash hash = {{0}};
        fd[i] = handover_ask(&run, &hash); /* one question that is in order */
        assert_true(fd[i] >= 0);
        if (i % 3)
            assert_true(send(fd[i], junk, i % 3 == 1 ? 5 : sizeof junk, MSG_NOSIGNAL) > 0);
        turn(&fixture);
    }
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    for (int i = 0; i < 100 && !fixture.got; i++)
        turn(&fixture);
    assert_non_null(fixture.got);
    for (int i = 0; i < 3 * HANDOVER_GUESTS; i++)
        close(fd[i]);
    turn(&fixture);
    close_bed(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_without_the_wire),
        cmocka_unit_test(who_has_it_not_says_so),
        cmocka_unit_test(pages_of_another_size_are_not_taken),
        cmocka_unit_test(other_kinds_and_other_runs_go_over_the_wire),
        cmocka_unit_test(whoever_wants_the_wire_gets_it),
        cmocka_unit_test(a_silent_giver_is_left),
        cmocka_unit_test(a_second_giver_is_told),
        cmocka_unit_test(bad_guests_do_no_harm),
    };
    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
