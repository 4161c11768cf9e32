/* kill -9 of the writer at random moments: every judgement that was acknowledged is there exactly once, and
 * the client that asks again gets the same acknowledgement. */
#include "prefs/prefs.h"

#include "base/mem.h"
#include "base/rng.h"
#include "prefs/copy.h"
#include "tests/prefs/study.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 3000, PEOPLE = 4, GROUP = 4 };

/* The writer: from judgement `next` on, in groups; the number of the last durable one goes down the pipe. Each id is asked for
 * twice, as a client does that has not heard. */
static void write_on(const char *path, unsigned next, int to)
{
    struct prefs *prefs;

    if (prefs_open(&prefs, path, PREFS_WRITE))
        _exit(3);
    for (;; next++) {
        struct prefs_assignment it;
        enum prefs_offer offer;
        char id[32];
        struct prefs_judgement said = {.id = id, .verdict = PREFS_CHOSEN};
        bool again;
        snprintf(id, sizeof id, "judgement-%u", next);
        said.annotator = 1 + next % PEOPLE;
        if (prefs_next(prefs, said.annotator, STUDY_START + next, &offer, &it) || offer)
            _exit(4);
        said.assignment = it.id;
        if (prefs_judge(prefs, &said, STUDY_START + next, &again) || again ||
            prefs_judge(prefs, &said, STUDY_START + next, &again) || !again)
            _exit(5);
        if (next % GROUP)
            continue;
        if (prefs_commit(prefs) || write(to, &next, sizeof next) != sizeof next)
            _exit(6);
    }
}

static enum err in_order(void *self, const struct prefs_row *row)
{
    unsigned *const n = self;
    char id[32];

    snprintf(id, sizeof id, "judgement-%u", ++*n);
    assert_string_equal(row->id, id);
    return OK;
}

static unsigned look(const char *path)
{
    struct prefs *prefs;
    unsigned n = 0;

    assert_ok(prefs_open(&prefs, path, PREFS_WRITE));
    assert_ok(prefs_check(prefs));
    assert_ok(prefs_visit(prefs, &(struct prefs_which){.standing = true}, in_order, &n));
    prefs_close(prefs);
    return n;
}

static void test_kill(void **state)
{
    const struct prefs_settings settings = study_settings(1, 1);
    const char *const asked = getenv("DROVER_KILL_ROUNDS");
    const int rounds = asked ? (int)strtol(asked, NULL, 10) : 12;
    char *const path = mem_text(scratch_at("kill.db"));
    unsigned have = 0, most = 0;

    (void)state;
    study_make(path, &settings, ITEMS, 0, PEOPLE);
    /* further ones, and longer, where a busy machine has let none of them write */
    for (int round = 0; (round < rounds || (!most && round < 2 * rounds)) && have < ITEMS - 600;
         round++) {
        const double u = rng_uniform(7, RNG_TEST, (uint64_t)round, 0, 0);
        struct timespec wait = {.tv_nsec = (long)(u * (round < rounds ? 6e7 : 9.9e8))};
        unsigned acknowledged = have, heard;
        int pipe_end[2], status;
        pid_t child;
        assert_int_equal(pipe(pipe_end), 0);
        child = fork();
        if (!child) {
            close(pipe_end[0]);
            write_on(path, have + 1, pipe_end[1]);
        }
        close(pipe_end[1]);
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        while (read(pipe_end[0], &heard, sizeof heard) == sizeof heard)
            acknowledged = heard;
        close(pipe_end[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not end by itself */
        have = look(path);
        if (have < acknowledged || have > acknowledged + GROUP)
            fail_msg("%u judgements, %u were acknowledged", have, acknowledged);
        most = acknowledged > most ? acknowledged : most;
    }
    assert_true(most > 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
