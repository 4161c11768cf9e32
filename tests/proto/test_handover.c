/* Pages from one process to another, and what comes instead: over the wire. */

#define _GNU_SOURCE /* MSG_NOSIGNAL, struct ucred */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/fetch.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 300000, FDS = 64 };

struct bed {
    struct handover *here;
    struct fetch *fetch;
    struct shared_memory *shared, *got;
    struct artifact what;
    int fd[FDS], fds; /* of both sides, watched */
};

static enum err watch(void *self, int fd)
{
    struct bed *bed = self;

    assert_true(bed->fds < FDS);
    bed->fd[bed->fds++] = fd;
    return OK;
}

static void unwatch(void *self, int fd)
{
    struct bed *bed = self;

    for (int i = 0; i < bed->fds; i++)
        if (bed->fd[i] == fd)
            bed->fd[i--] = bed->fd[--bed->fds];
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
    struct bed *bed = self;

    (void)now_ms;
    assert_true(hash_same(&what->hash, &bed->what.hash));
    assert_string_equal(what->name, "policy");
    bed->got = shared;
    return OK;
}

static struct id run_of(const struct bed *bed)
{
    struct id run = {{0}};

    memcpy(run.byte, &bed, sizeof bed); /* no two tests at once meet */
    run.byte[15] = (uint8_t)getpid();
    run.byte[14] = (uint8_t)(getpid() >> 8);
    return run;
}

static void open_bed(struct bed *bed)
{
    const struct id run = run_of(bed);
    const struct handover_conf conf = {run, watch, unwatch, bed};
    const struct fetch_conf fetch = {.role = ROLE_ACTOR,
                                     .name = "child",
                                     .watch = watch_socket,
                                     .unwatch = unwatch_socket,
                                     .watch_fd = watch,
                                     .unwatch_fd = unwatch,
                                     .got = got,
                                     .self = bed};

    memset(bed, 0, sizeof *bed);
    assert_ok(shared_memory_new(&bed->shared, SIZE, "test"));
    for (int i = 0; i < SIZE; i++)
        ((unsigned char *)shared_memory_bytes(bed->shared))[i] = (unsigned char)(i * 11);
    assert_ok(shared_memory_seal(bed->shared));
    bed->what = (struct artifact){.hash = hash_of(shared_memory_bytes(bed->shared), SIZE),
                                  .bytes = SIZE,
                                  .kind = ARTIFACT_IMAGE,
                                  .name = "policy"};
    assert_ok(handover_open(&bed->here, &conf));
    handover_put(bed->here, &bed->what.hash, bed->shared);
    fetch_new(&bed->fetch, &fetch);
    fetch_run(bed->fetch, &run);
}

static void close_bed(struct bed *bed)
{
    fetch_free(bed->fetch);
    handover_close(bed->here);
    shared_memory_free(bed->shared);
    shared_memory_free(bed->got);
    assert_int_equal(bed->fds, 0);
}

static void turn(struct bed *bed)
{
    struct pollfd poll_fd[FDS];
    int n = bed->fds;

    for (int i = 0; i < n; i++)
        poll_fd[i] = (struct pollfd){bed->fd[i], POLLIN, 0};
    poll(poll_fd, (nfds_t)n, 2);
    assert_ok(handover_readable(bed->here, clock_mono_ms()));
    assert_ok(fetch_handed(bed->fetch, clock_mono_ms()));
}

static void pages_come_without_the_wire(void **state)
{
    struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_true(fetch_wants(bed.fetch, &bed.what.hash));
    for (int i = 0; i < 100 && !bed.got; i++)
        turn(&bed);
    assert_non_null(bed.got);
    assert_false(fetch_wants(bed.fetch, &bed.what.hash));
    assert_int_equal(fetch_chunks(bed.fetch), 1);
    assert_memory_equal(shared_memory_bytes(bed.got), shared_memory_bytes(bed.shared), SIZE);
    close_bed(&bed);
}

/* Waits until the wire is asked: then there are chunks to tell of. */
static void assert_wired(struct bed *bed)
{
    for (int i = 0; i < 100 && !*fetch_note(bed->fetch); i++)
        turn(bed);
    assert_string_equal(fetch_note(bed->fetch), "policy: 0 of 1 chunks");
    assert_null(bed->got);
    assert_true(fetch_wants(bed->fetch, &bed->what.hash));
}

static void who_has_it_not_says_so(void **state)
{
    struct bed bed;

    (void)state;
    open_bed(&bed);
    handover_remove(bed.here, &bed.what.hash);
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_wired(&bed);
    close_bed(&bed);
}

static void pages_of_another_size_are_not_taken(void **state)
{
    struct bed bed;

    (void)state;
    open_bed(&bed);
    bed.what.bytes = SIZE - 1;
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_wired(&bed);
    close_bed(&bed);
}

static void other_kinds_and_other_runs_go_over_the_wire(void **state)
{
    struct bed bed;
    struct id other;

    (void)state;
    open_bed(&bed);
    bed.what.kind = ARTIFACT_CARD;
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_string_equal(fetch_note(bed.fetch), "policy: 0 of 1 chunks");
    fetch_drop_all(bed.fetch);
    other = run_of(&bed);
    other.byte[0] ^= 1;
    bed.what.kind = ARTIFACT_IMAGE;
    fetch_run(bed.fetch, &other);
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_string_equal(fetch_note(bed.fetch), "policy: 0 of 1 chunks");
    close_bed(&bed);
}

static void whoever_wants_the_wire_gets_it(void **state)
{
    const struct handover_conf conf = {.watch = watch, .unwatch = unwatch};
    struct handover *here;
    struct bed bed;

    (void)state;
    open_bed(&bed);
    setenv("DROVER_HANDOVER", "off", 1);
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_err(ERR_IO, handover_open(&here, &conf));
    unsetenv("DROVER_HANDOVER");
    assert_string_equal(fetch_note(bed.fetch), "policy: 0 of 1 chunks");
    close_bed(&bed);
}

static void a_silent_giver_is_left(void **state)
{
    struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_ok(fetch_want(bed.fetch, &bed.what));
    assert_ok(fetch_tick(bed.fetch, 1000)); /* nobody hears: it stands still */
    assert_ok(fetch_tick(bed.fetch, 1999));
    assert_string_equal(fetch_note(bed.fetch), "");
    assert_ok(fetch_tick(bed.fetch, 2000));
    assert_string_equal(fetch_note(bed.fetch), "policy: 0 of 1 chunks");
    close_bed(&bed);
}

static void a_second_giver_is_told(void **state)
{
    struct bed bed;
    struct handover *second;
    struct handover_conf conf = {.watch = watch, .unwatch = unwatch, .self = &bed};

    (void)state;
    open_bed(&bed);
    conf.run = run_of(&bed);
    assert_err(ERR_STATE, handover_open(&second, &conf));
    assert_null(second);
    handover_close(bed.here); /* the first one ends: its address is free */
    assert_ok(handover_open(&bed.here, &conf));
    close_bed(&bed);
}

/* Guests that say nothing, too little or too much, more of them than there is room for. */
static void bad_guests_do_no_harm(void **state)
{
    const char junk[100] = "junk";
    struct bed bed;
    struct id run;
    int fd[3 * HANDOVER_GUESTS];

    (void)state;
    open_bed(&bed);
    run = run_of(&bed);
    for (int i = 0; i < 3 * HANDOVER_GUESTS; i++) {
        struct hash hash = {{0}};
        fd[i] = handover_ask(&run, &hash); /* one question that is in order */
        assert_true(fd[i] >= 0);
        if (i % 3)
            assert_true(send(fd[i], junk, i % 3 == 1 ? 5 : sizeof junk, MSG_NOSIGNAL) > 0);
        turn(&bed);
    }
    assert_ok(fetch_want(bed.fetch, &bed.what));
    for (int i = 0; i < 100 && !bed.got; i++)
        turn(&bed);
    assert_non_null(bed.got);
    for (int i = 0; i < 3 * HANDOVER_GUESTS; i++)
        close(fd[i]);
    turn(&bed);
    close_bed(&bed);
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
