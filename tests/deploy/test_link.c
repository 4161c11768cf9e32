/* What a machine says over ssh is believed so far: a letter, a ticket, a bundle a session, and no
 * end that nobody told. And how often a session is begun there. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "deploy/bundle.h"
#include "deploy/link.h"
#include "deploy/link_talk.h"
#include "net/loop.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct far_side {
    struct bundle bundle;
    struct link_fleet fleet;
    struct hosts_entry entry;
    struct ssh_link *link;
    int tickets;
};

static enum err ticket(void *self, const char *host, char **line)
{
    struct far_side *head = self;

    (void)host;
    head->tickets++;
    *line = mem_text("drover1:ticket");
    return OK;
}

static void head_open(struct far_side *head, struct loop *loop)
{
    memset(head, 0, sizeof *head);
    head->bundle = (struct bundle){.file = mem_text(scratch_at("bundle")), .bytes = 1};
    snprintf(head->bundle.name, sizeof head->bundle.name, "hash");
    snprintf(head->bundle.machine, sizeof head->bundle.machine, "x86_64");
    assert_ok(fs_write(head->bundle.file, "x", 1));
    head->fleet = (struct link_fleet){.loop = loop,
                                      .bundle = &head->bundle,
                                      .letter = json_object(),
                                      .ticket = ticket,
                                      .self = head};
    head->entry.ssh = mem_text("far");
    head->entry.entry = json_object();
    snprintf(head->entry.name, sizeof head->entry.name, "far");
    head->link = link_new(&head->fleet, &head->entry);
    head->link->now_ms = 1;
}

static void head_close(struct far_side *head)
{
    link_free(head->link);
    free(head->entry.ssh);
    json_decref(head->entry.entry);
    json_decref(head->fleet.letter);
    free(head->bundle.file);
}

static void say(struct far_side *head, const char *line, int times)
{
    for (int i = 0; i < times; i++)
        link_talk_hear(head->link, line);
}

static int descriptors(void)
{
    DIR *all = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(all);
    while (readdir(all))
        n++;
    closedir(all);
    return n;
}

static void a_session_gets_one_letter_and_one_ticket(void **state)
{
    struct far_side head;
    size_t n;

    (void)state;
    head_open(&head, NULL);
    say(&head, "ticket?", 3); /* whose letter has not asked for one */
    assert_int_equal(head.tickets, 0);
    say(&head, "have", 1);
    n = strlen(head.link->text);
    say(&head, "have", 1000);
    assert_int_equal(strlen(head.link->text), n);
    say(&head, "ticket?", 1000);
    assert_int_equal(head.tickets, 1);
    assert_int_equal(strlen(head.link->text), n + strlen("drover1:ticket\n"));
    head_close(&head);
}

static void a_session_gets_one_bundle(void **state)
{
    struct far_side head;
    int before;

    (void)state;
    head_open(&head, NULL);
    before = descriptors();
    say(&head, "need", 200);
    assert_int_equal(descriptors(), before + 1);
    head_close(&head);
    assert_int_equal(descriptors(), before);
}

static void an_end_that_nobody_told_is_none(void **state)
{
    struct far_side head;

    (void)state;
    head_open(&head, NULL);
    say(&head, "up 7", 1);
    say(&head, "ended", 1);
    assert_int_equal(head.link->state, LINK_UP);
    assert_true(head.link->wanted);
    link_end(head.link);
    say(&head, "ended", 1);
    assert_int_equal(head.link->state, LINK_ENDED);
    head_close(&head);
}

static enum err tick(void *self, int64_t now_ms)
{
    link_tick(self, now_ms);
    return OK;
}

static enum err enough(void *self, int64_t now_ms)
{
    (void)now_ms;
    loop_stop(self);
    return OK;
}

/* An `ssh` that stands first in PATH: at once, after a second, after two more. Whoever says that
 * a supervisor died has no other pace. */
static void what_ends_at_once_is_not_begun_at_once(void **state)
{
    static const char *const says[] = {"up 1; exit 3", "died x; exit 3", "; exit 3"};
    char *path = mem_print("%s:%s", scratch_at(""), getenv("PATH"));

    (void)state;
    setenv("PATH", path, 1);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        char *script =
            mem_print("#!/bin/sh\necho >>%s\necho %s\n", scratch_at("begun"), says[i]);
        struct loop *loop;
        struct far_side head;
        char *text;
        size_t n;

        assert_ok(fs_write(scratch_at("ssh"), script, strlen(script)));
        assert_int_equal(chmod(scratch_at("ssh"), 0755), 0);
        assert_ok(fs_write(scratch_at("begun"), "", 0));
        assert_ok(loop_new(&loop));
        head_open(&head, loop);
        assert_ok(loop_every(loop, 20, tick, head.link));
        assert_ok(loop_every(loop, 2500, enough, loop));
        assert_ok(loop_run(loop));
        head_close(&head);
        loop_free(loop);
        assert_ok(fs_read(&text, &n, scratch_at("begun"), 1 << 20));
        if (n < 1 || n > 3)
            fail_msg("%s: begun %zu times in 2.5 s", says[i], n);
        free(text);
        free(script);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_gets_one_letter_and_one_ticket),
        cmocka_unit_test(a_session_gets_one_bundle),
        cmocka_unit_test(an_end_that_nobody_told_is_none),
        cmocka_unit_test(what_ends_at_once_is_not_begun_at_once),
    };

    return cmocka_run_group_tests_name("link", tests, scratch_open, scratch_close);
}
