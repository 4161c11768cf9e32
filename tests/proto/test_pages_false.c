/* Pages that are not what they should be, and a folder that stands for the host. */

#define _GNU_SOURCE /* memfd_create */

#include "tests/support/test.h"

#include "base/log.h"
#include "proto/handover.h"
#include "tests/proto/household.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Something that gives what it was not asked for, at the first place. */
struct impostor {
    int listening, lock, fd;
    struct handover_who who;
    struct handover_packet asked;
};

static void impostor_open(struct impostor *impostor, const struct id *run)
{
    memset(impostor, 0, sizeof *impostor);
    impostor->fd = -1;
    assert_ok(handover_listen(&impostor->listening, &impostor->lock, run, 0));
}

static bool impostor_hears(struct impostor *impostor)
{
    int pages;

    if (impostor->fd < 0)
        impostor->fd = handover_accept(impostor->listening, &impostor->who);
    return impostor->fd >= 0 && handover_receive(impostor->fd, &impostor->asked, &pages) == 1;
}

static void impostor_gives(struct impostor *impostor, int pages)
{
    struct handover_packet packet = {.kind = HANDOVER_PAGES, .ticket = impostor->asked.ticket};

    assert_true(handover_send(impostor->fd, &packet, pages));
}

static void impostor_close(struct impostor *impostor, const struct id *run)
{
    if (impostor->fd >= 0)
        close(impostor->fd);
    handover_unlisten(impostor->listening, impostor->lock, run, 0);
}

static int memory(const void *bytes, size_t n)
{
    const int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    return fd;
}

/* Without seals, of our user: not taken, whatever is in it. */
static void pages_that_may_change_are_not_taken(void **state)
{
    struct household house;
    struct impostor impostor;
    struct shared_memory *const bytes = household_bytes(1, HOUSEHOLD_SIZE);
    const int fd = memory(shared_memory_bytes(bytes), HOUSEHOLD_SIZE);

    (void)state;
    household_open(&house);
    impostor_open(&impostor, &house.run);
    household_want(household_join(&house, PULLS), 1);
    assert_true(impostor_hears(&impostor));
    impostor_gives(&impostor, fd);
    household_turns(&house, 1);
    assert_int_equal(house.pulls, 1);
    household_until(&house, 1, 8);
    impostor_close(&impostor, &house.run);
    household_close(&house);
    shared_memory_free(bytes);
    close(fd);
}

/* It ends each time before it says anything: neither a busy loop nor a long wait. */
static void who_hangs_up_is_not_dialled_for_ever(void **state)
{
    struct household house;
    struct impostor impostor;
    int came = 0;

    (void)state;
    household_open(&house);
    impostor_open(&impostor, &house.run);
    household_want(household_join(&house, PULLS), 1);
    for (int turn = 0; turn < 100; turn++) {
        const int fd = handover_accept(impostor.listening, &impostor.who);
        came += fd >= 0;
        if (fd >= 0)
            close(fd);
        household_turns(&house, 1);
    }
    assert_int_equal(house.whole, 1);
    print_message("dialled %d times in 10 s\n", came);
    assert_true(came <= 8);
    impostor_close(&impostor, &house.run);
    household_close(&house);
}

/* ---- a folder that stands for the host */

static char folder[] = "/tmp/drover-share-XXXXXX";

static void share(bool on)
{
    char command[128];

    if (on) {
        snprintf(folder, sizeof folder, "/tmp/drover-share-XXXXXX");
        assert_non_null(mkdtemp(folder));
        setenv("DROVER_SHARE", folder, 1);
        return;
    }
    unsetenv("DROVER_SHARE");
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void a_folder_does_as_well(void **state)
{
    struct household house;

    (void)state;
    share(true);
    household_open(&house);
    for (int m = 0; m < 6; m++)
        household_join(&house, PULLS);
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 1);
    household_until(&house, 1, 12);
    assert_int_equal(house.pulls, 1);
    household_kill(&house.member[0]);
    household_turns(&house, 2);
    household_want(&house.member[1], 2);
    household_want(&house.member[2], 2);
    household_turns(&house, 10);
    assert_non_null(house.member[2].got[2]);
    assert_int_equal(house.pulls, 2);
    household_close(&house);
    share(false);
}

static void a_socket_left_behind_is_replaced(void **state)
{
    struct household house;
    int fd, lock;

    (void)state;
    share(true);
    household_open(&house);
    assert_ok(handover_listen(&fd, &lock, &house.run, 0));
    close(fd); /* as by kill -9: the files stay */
    close(lock);
    household_want(household_join(&house, PULLS), 1);
    household_want(household_join(&house, PULLS), 1);
    household_until(&house, 1, 8);
    assert_int_equal(house.pulls, 1);
    assert_err(ERR_STATE, handover_listen(&fd, &lock, &house.run, 0));
    household_close(&house);
    share(false);
}

/* There nobody is believed: false bytes, sealed or not, cost the wire; right ones without seals
 * are copied; what is no memory is not touched. */
static void in_a_folder_bytes_are_hashed(void **state)
{
    enum { RIGHT, FALSE, FALSE_SEALED, PIPE, SHORT, CASES };

    (void)state;
    for (int what = 0; what < CASES; what++) {
        struct household house;
        struct impostor impostor;
        struct shared_memory *const right = household_bytes(1, HOUSEHOLD_SIZE);
        struct shared_memory *const wrong = household_bytes(3, HOUSEHOLD_SIZE);
        int fd = -1, end[2];
        share(true);
        household_open(&house);
        impostor_open(&impostor, &house.run);
        household_want(household_join(&house, PULLS), 1);
        assert_int_equal(pipe(end), 0);
        if (what == RIGHT || what == SHORT)
            fd = memory(shared_memory_bytes(right), HOUSEHOLD_SIZE - (what == SHORT));
        if (what == FALSE)
            fd = memory(shared_memory_bytes(wrong), HOUSEHOLD_SIZE);
        assert_true(impostor_hears(&impostor));
        impostor_gives(&impostor, what == PIPE           ? end[0]
                                  : what == FALSE_SEALED ? shared_memory_fd(wrong)
                                                         : fd);
        household_turns(&house, 1);
        assert_int_equal(house.pulls, what != RIGHT);
        household_until(&house, 1, 8);
        if (what == RIGHT) { /* a copy: what its giver does now changes nothing */
            assert_true(pwrite(fd, "changed", 7, 0) == 7);
            assert_memory_equal(shared_memory_bytes(house.member[0].got[1]),
                                shared_memory_bytes(right), HOUSEHOLD_SIZE);
        }
        impostor_close(&impostor, &house.run);
        household_close(&house);
        close(end[0]);
        close(end[1]);
        if (fd >= 0)
            close(fd);
        shared_memory_free(right);
        shared_memory_free(wrong);
        share(false);
    }
}

/* And what is put there is not believed by the giver either: it pulls on, for all. */
static void what_is_put_in_a_folder_is_hashed(void **state)
{
    struct household house;
    struct artifact what = household_what(1, HOUSEHOLD_SIZE);
    struct shared_memory *const wrong = household_bytes(3, HOUSEHOLD_SIZE);
    struct handover_packet packet = {.kind = HANDOVER_PUT,
                                     .ticket = 1,
                                     .artifact = ARTIFACT_CARD,
                                     .bytes = HOUSEHOLD_SIZE,
                                     .hash = what.hash};
    struct handover_who who;
    bool nobody;
    int fd;

    (void)state;
    share(true);
    household_open(&house);
    household_want(household_join(&house, PULLS), 1);
    fd = handover_dial(&house.run, 0, &who, &nobody);
    assert_true(fd >= 0);
    assert_true(handover_send(fd, &packet, shared_memory_fd(wrong)));
    household_turns(&house, 2);
    household_want(household_join(&house, PULLS), 1);
    household_until(&house, 1, 10);
    assert_int_equal(house.pulls, 1);
    close(fd);
    shared_memory_free(wrong);
    household_close(&house);
    share(false);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_may_change_are_not_taken),
        cmocka_unit_test(who_hangs_up_is_not_dialled_for_ever),
        cmocka_unit_test(a_folder_does_as_well),
        cmocka_unit_test(a_socket_left_behind_is_replaced),
        cmocka_unit_test(in_a_folder_bytes_are_hashed),
        cmocka_unit_test(what_is_put_in_a_folder_is_hashed),
    };
    return cmocka_run_group_tests_name("proto/pages_false", tests, quiet, NULL);
}
