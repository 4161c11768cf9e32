/* One pull a host between real processes: of two users, in two network namespaces; with somebody
 * on the address who is none of ours. Needs root, to become others; namespaces where said. */

#define _GNU_SOURCE /* unshare, setresuid */

#include "tests/support/test.h"

#include "base/log.h"
#include "proto/handover.h"
#include "tests/proto/household.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ONE = 12345, TWO = 54321, TURN_MS = 60 }; /* users; real ms for 100 of the clock's */

struct users_result {
    int pulls, gots, turns;
};

struct process {
    pid_t pid;
    int result; /* pipe */
};

static bool become(int uid, bool apart)
{
    return (!apart || !unshare(CLONE_NEWNET)) &&
           !setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) &&
           !setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid);
}

static void wait_turn(void)
{
    poll(NULL, 0, TURN_MS);
}

/* Wants artifact 1 after `late` turns, and stays until it is ended. */
static void live(const struct household *of, int uid, bool apart, int late, int out)
{
    struct household house;
    struct users_result result = {0, 0, 0};

    household_open(&house);
    house.run = of->run;
    if (!become(uid, apart))
        _exit(2);
    household_join(&house, PULLS);
    for (int turn = 0; turn < 400; turn++) {
        if (turn == late)
            household_want(&house.member[0], 1);
        household_turns(&house, 1);
        wait_turn();
        if (result.gots || !house.member[0].gots)
            continue;
        result = (struct users_result){house.pulls, house.member[0].gots, turn - late};
        if (write(out, &result, sizeof result) != (ssize_t)sizeof result)
            _exit(3);
    }
    _exit(0);
}

static struct process start(const struct household *of, int uid, bool apart, int late)
{
    struct process process;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    process.pid = fork();
    assert_true(process.pid >= 0);
    if (!process.pid)
        live(of, uid, apart, late, ends[1]);
    close(ends[1]);
    process.result = ends[0];
    return process;
}

/* False: it could not become who it should. */
static bool result_of(const struct process *process, struct users_result *out)
{
    struct pollfd wait = {process->result, POLLIN, 0};

    return poll(&wait, 1, 20000) == 1 &&
           read(process->result, out, sizeof *out) == (ssize_t)sizeof *out;
}

static void stop(struct process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    close(process->result);
}

static void need_root(void)
{
    if (geteuid()) {
        print_message("not root: processes cannot become other users\n");
        skip();
    }
}

/* Two processes, and how many pulls they made. */
static int both(const struct household *of, int first, int second, bool apart,
                struct users_result *later)
{
    struct process a = start(of, first, apart, 0), b = start(of, second, apart, 3);
    struct users_result result = {0, 0, 0};
    const bool fine = result_of(&a, &result) && result_of(&b, later);

    stop(&a);
    stop(&b);
    if (!fine && apart) {
        print_message("no network namespaces here\n");
        skip();
    }
    assert_true(fine);
    return result.pulls + later->pulls;
}

static void two_users_pull_once(void **state)
{
    struct household house;
    struct users_result later;

    (void)state;
    need_root();
    household_open(&house);
    assert_int_equal(both(&house, ONE, TWO, false, &later), 1);
    print_message("the second user: %d ms\n", later.turns * 100);
}

static void two_namespaces_pull_twice_and_once_by_a_folder(void **state)
{
    char folder[] = "/tmp/drover-share-XXXXXX", command[64];
    struct household house;
    struct users_result later;
    int without, with;

    (void)state;
    need_root();
    household_open(&house);
    without = both(&house, ONE, ONE, true, &later);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    setenv("DROVER_SHARE", folder, 1);
    with = both(&house, ONE, TWO, true, &later);
    unsetenv("DROVER_SHARE");
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(without, 2);
    assert_int_equal(with, 1);
}

/* ---- somebody else */

enum squatter { SILENT, NONSENSE, RELAY };

/* Says at each turn that it brings something, without a proof. */
static void lie(int fd, int turn)
{
    static struct handover_packet asked;
    struct handover_packet packet;
    int pages;

    if (handover_receive(fd, &packet, &pages) == 1 && packet.kind == HANDOVER_ASK)
        asked = packet;
    packet = asked;
    packet.kind = HANDOVER_NEWS;
    packet.have = (uint64_t)turn;
    (void)handover_send(fd, &packet, -1);
}

/* Says what it hears to the next place, as its own question, and tells whether it got pages. */
static void relay(int fd, int *next, const struct household *of, int out)
{
    struct handover_packet packet;
    struct handover_who who;
    bool nobody;
    int pages;

    if (handover_receive(fd, &packet, &pages) == 1 && packet.kind == HANDOVER_ASK) {
        if (*next < 0)
            *next = handover_dial(&of->run, 1, &who, &nobody);
        if (*next >= 0)
            (void)handover_send(*next, &packet, -1);
    }
    if (*next >= 0 && handover_receive(*next, &packet, &pages) == 1 &&
        write(out, pages >= 0 ? "p" : "n", 1) != 1)
        _exit(3);
}

/* Takes the first place as a user of its own. */
static void squat(const struct household *of, enum squatter kind, int out)
{
    int listening, lock, fd = -1, next = -1;
    struct handover_who who;

    if (!become(TWO, false) || handover_listen(&listening, &lock, &of->run, 0))
        _exit(2);
    if (write(out, "", 1) != 1) /* it is there */
        _exit(3);
    for (int turn = 0; turn < 400; turn++, wait_turn()) {
        const int newest = kind == SILENT ? -1 : handover_accept(listening, &who);
        if (newest >= 0)
            fd = newest;
        if (fd >= 0 && kind == NONSENSE)
            lie(fd, turn);
        if (fd >= 0 && kind == RELAY)
            relay(fd, &next, of, out);
    }
    _exit(0);
}

static struct process start_squatter(const struct household *of, enum squatter kind)
{
    struct process process;
    int ends[2];
    char byte;

    assert_int_equal(pipe(ends), 0);
    process.pid = fork();
    assert_true(process.pid >= 0);
    if (!process.pid)
        squat(of, kind, ends[1]);
    close(ends[1]);
    process.result = ends[0];
    assert_int_equal(read(process.result, &byte, 1), 1);
    return process;
}

static void a_squatter_costs_a_moment(void **state)
{
    (void)state;
    need_root();
    for (int kind = SILENT; kind <= NONSENSE; kind++) {
        struct household house;
        struct process squatter;
        struct users_result later;
        household_open(&house);
        squatter = start_squatter(&house, (enum squatter)kind);
        assert_int_equal(both(&house, ONE, ONE, false, &later), 1); /* at the next place */
        print_message("%s squatter: the second of ours after %d ms\n",
                      kind == SILENT ? "silent" : "lying", later.turns * 100);
        assert_true(later.turns <= 12 + HOUSEHOLD_WIRE + 10);
        stop(&squatter);
    }
}

/* Nobody gets weights for a question that he heard of another. */
static void a_question_cannot_be_passed_on(void **state)
{
    struct household house;
    struct process squatter, giver, victim;
    struct users_result result;
    struct pollfd wait;
    char byte = 0;

    (void)state;
    need_root();
    household_open(&house);
    squatter = start_squatter(&house, RELAY);
    giver = start(&house, ONE, false, 0);
    assert_true(result_of(&giver, &result)); /* it gives at the second place now */
    assert_int_equal(result.pulls, 1);
    victim = start(&house, ONE, false, 0);
    assert_true(result_of(&victim, &result)); /* from the giver, as they are of one user */
    assert_int_equal(result.pulls, 0);
    wait = (struct pollfd){squatter.result, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, 10000), 1); /* it did ask, and was answered */
    assert_int_equal(read(squatter.result, &byte, 1), 1);
    assert_int_equal(byte, 'n');
    stop(&victim);
    stop(&giver);
    stop(&squatter);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_users_pull_once),
        cmocka_unit_test(two_namespaces_pull_twice_and_once_by_a_folder),
        cmocka_unit_test(a_squatter_costs_a_moment),
        cmocka_unit_test(a_question_cannot_be_passed_on),
    };
    return cmocka_run_group_tests_name("proto/pages_users", tests, quiet, NULL);
}
