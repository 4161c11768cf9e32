/* Pages from one process to another, and what comes instead: over the wire. Places, packets, tags. */

#define _GNU_SOURCE /* MSG_NOSIGNAL, struct ucred */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/fetch.h"
#include "proto/handover.h"
#include "proto/pages.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 300000, FDS = 64 };

struct handover_fixture {
    struct pages *here; /* as a learner: it pulls nothing */
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
    const struct pages_conf conf = {.watch = watch, .unwatch = unwatch, .self = fixture};
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
    pages_new(&fixture->here, &conf);
    pages_run(fixture->here, &run);
    pages_put(fixture->here, &fixture->what, fixture->shared);
    fetch_new(&fixture->fetch, &fetch);
    fetch_run(fixture->fetch, &run);
}

static void close_bed(struct handover_fixture *fixture)
{
    fetch_free(fixture->fetch);
    pages_free(fixture->here);
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
    assert_ok(pages_readable(fixture->here, clock_mono_ms()));
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
    for (int i = 0; i < 100 && !strstr(fetch_note(fixture->fetch), "chunks"); i++)
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
    pages_remove(fixture.here, &fixture.what.hash);
    turn(&fixture);
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

static void other_kinds_come_too_other_runs_do_not(void **state)
{
    struct handover_fixture fixture;
    struct id other;

    (void)state;
    open_bed(&fixture);
    fixture.what.kind = ARTIFACT_CARD;
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    for (int i = 0; i < 100 && !fixture.got; i++)
        turn(&fixture);
    assert_non_null(fixture.got);
    shared_memory_free(fixture.got);
    fixture.got = NULL;
    other = run_of(&fixture);
    other.byte[0] ^= 1;
    fetch_run(fixture.fetch, &other);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_string_equal(fetch_note(fixture.fetch), "policy: 0 of 1 chunks");
    close_bed(&fixture);
}

static void whoever_wants_the_wire_gets_it(void **state)
{
    struct handover_fixture fixture;
    int fd, lock;

    (void)state;
    open_bed(&fixture);
    setenv("DROVER_HANDOVER", "off", 1);
    assert_ok(fetch_want(fixture.fetch, &fixture.what));
    assert_err(ERR_IO, handover_listen(&fd, &lock, &(struct id){{1}}, 0));
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
    assert_ok(fetch_tick(fixture.fetch, 1000)); /* nobody hears, and its process runs */
    assert_ok(fetch_tick(fixture.fetch, 999 + PAGES_STARVED_MS));
    assert_non_null(strstr(fetch_note(fixture.fetch), "of this host"));
    assert_ok(fetch_tick(fixture.fetch, 1000 + PAGES_STARVED_MS));
    assert_string_equal(fetch_note(fixture.fetch), "policy: 0 of 1 chunks");
    close_bed(&fixture);
}

static void who_is_stopped_is_known(void **state)
{
    const pid_t child = fork();
    int status;

    (void)state;
    if (!child)
        for (;;)
            pause();
    assert_true(child > 0);
    assert_false(handover_stopped(getpid()));
    assert_false(handover_stopped(child));
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(handover_stopped(child));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(handover_stopped(child));
}

/* ---- places and packets */

static void a_place_is_for_one(void **state)
{
    const struct id run = {{2, (uint8_t)getpid(), (uint8_t)(getpid() >> 8)}};
    struct handover_who who;
    bool nobody;
    int fd, lock, second;

    (void)state;
    assert_int_equal(handover_dial(&run, 1, &who, &nobody), -1);
    assert_true(nobody);
    assert_ok(handover_listen(&fd, &lock, &run, 1));
    assert_err(ERR_STATE, handover_listen(&second, &lock, &run, 1));
    assert_int_equal(second, -1);
    second = handover_dial(&run, 1, &who, &nobody);
    assert_true(second >= 0 && who.ours && who.pid == getpid());
    close(second);
    handover_unlisten(fd, -1, &run, 1);
    assert_int_equal(handover_dial(&run, 1, &who, &nobody), -1);
    assert_true(nobody);
}

static void send_many(int to, const int *fd, size_t n)
{
    struct handover_packet packet = {.magic = 0, .kind = HANDOVER_PUT};
    struct iovec part = {&packet, sizeof packet};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(64 * sizeof(int))];
    } control = {.room = {0}};
    struct msghdr out = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room};
    struct handover_packet pattern = {.kind = HANDOVER_PUT};
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_true(handover_send(ends[0], &pattern, -1)); /* fills the magic in */
    packet.magic = pattern.magic;
    close(ends[0]);
    close(ends[1]);
    out.msg_controllen = CMSG_SPACE(n * sizeof *fd);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(n * sizeof *fd);
    memcpy(CMSG_DATA(&control.head), fd, n * sizeof *fd);
    assert_true(sendmsg(to, &out, 0) > 0);
}

/* Several descriptors at once are closed, none is left open here. */
static void descriptors_do_not_pile_up(void **state)
{
    int ends[2], fd[64], next;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    for (int i = 0; i < 64; i++)
        fd[i] = ends[0];
    next = dup(0);
    close(next);
    for (size_t n = 1; n <= 64; n++) {
        struct handover_packet packet;
        int pages, free_one;
        send_many(ends[0], fd, n);
        assert_int_equal(handover_receive(ends[1], &packet, &pages), 1);
        assert_true((pages >= 0) == (n == 1));
        if (pages >= 0)
            close(pages);
        free_one = dup(0);
        close(free_one);
        assert_int_equal(free_one, next);
    }
    close(ends[0]);
    close(ends[1]);
}

static void what_is_no_packet_ends_the_link(void **state)
{
    static const char zeros[2 * sizeof(struct handover_packet)];
    struct handover_packet packet = {.kind = HANDOVER_ASK}, heard;
    int ends[2], pages;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(handover_receive(ends[1], &heard, &pages), 0);
    assert_true(handover_send(ends[0], &packet, -1));
    assert_int_equal(handover_receive(ends[1], &heard, &pages), 1);
    for (size_t n = 1; n <= sizeof zeros; n += 37) {
        assert_true(send(ends[0], zeros, n, 0) > 0);
        assert_int_equal(handover_receive(ends[1], &heard, &pages), -1);
    }
    snprintf(packet.name, sizeof packet.name, "\033[2J\xff\n"); /* it goes to terminals */
    assert_true(handover_send(ends[0], &packet, -1));
    assert_int_equal(handover_receive(ends[1], &heard, &pages), 1);
    for (const char *c = heard.name; *c; c++)
        assert_true(*c >= ' ' && *c <= '~');
    memset(packet.name, 'x', sizeof packet.name); /* a text without end */
    assert_true(handover_send(ends[0], &packet, -1));
    assert_int_equal(handover_receive(ends[1], &heard, &pages), -1);
    packet.name[3] = 0;
    packet.kind = HANDOVER_KINDS;
    assert_true(handover_send(ends[0], &packet, -1));
    assert_int_equal(handover_receive(ends[1], &heard, &pages), -1);
    close(ends[0]);
    assert_int_equal(handover_receive(ends[1], &heard, &pages), -1);
    close(ends[1]);
}

/* A tag is of one hash, one user, one question; a proof is no tag. */
static void tags_are_of_one_question(void **state)
{
    const struct hash hash = {{1}}, other = {{2}};
    const uint8_t nonce[HANDOVER_NONCE] = {3}, again[HANDOVER_NONCE] = {4};
    const struct hash tag = handover_tag(&hash, nonce, 1000);
    const struct hash others[] = {
        handover_tag(&other, nonce, 1000), handover_tag(&hash, again, 1000),
        handover_tag(&hash, nonce, 1001), handover_proof(&hash, nonce), hash};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_false(hash_same(&tag, &others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_without_the_wire),
        cmocka_unit_test(who_has_it_not_says_so),
        cmocka_unit_test(pages_of_another_size_are_not_taken),
        cmocka_unit_test(other_kinds_come_too_other_runs_do_not),
        cmocka_unit_test(whoever_wants_the_wire_gets_it),
        cmocka_unit_test(a_silent_giver_is_left),
        cmocka_unit_test(who_is_stopped_is_known),
        cmocka_unit_test(a_place_is_for_one),
        cmocka_unit_test(descriptors_do_not_pile_up),
        cmocka_unit_test(what_is_no_packet_ends_the_link),
        cmocka_unit_test(tags_are_of_one_question),
    };
    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
