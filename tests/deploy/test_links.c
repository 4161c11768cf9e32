/* A head's other machines: the programs for them are packed beside the loop, and whoever closes
 * them while that goes on, or while a session ends, is found by neither. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "deploy/bundle.h"
#include "deploy/endpoint.h"
#include "deploy/link.h"
#include "deploy/links.h"
#include "net/loop.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct head_end {
    struct endpoint fleet;
    struct plan plan;
    struct loop *loop;
    struct links *links;
    json_t *hosts;
};

static void head_open(struct head_end *h)
{
    memset(h, 0, sizeof *h);
    h->hosts = json_loads("[{\"ssh\": \"far\", \"actors\": \"1\"}]", 0, NULL);
    h->plan = (struct plan){.output_dir = scratch_at("fleet"), .hosts = h->hosts};
    assert_ok(loop_new(&h->loop));
    assert_ok(links_open(
        &h->links, &(struct links_conf){
                       .plan = &h->plan, .fleet = &h->fleet, .port = 1, .loop = h->loop}));
}

static enum err slow(void *self)
{
    (void)self;
    poll(NULL, 0, 500);
    return OK;
}

static enum err slow_done(void *self, enum err result, const char *words, int64_t now_ms)
{
    (void)self, (void)result, (void)words, (void)now_ms;
    return OK;
}

/* As long as the pool is at it the session that was told to end ends, too. */
static void head_close(struct head_end *h)
{
    assert_ok(loop_work(h->loop, slow, slow_done, NULL));
    links_close(h->links);
    loop_free(h->loop);
    json_decref(h->hosts);
}

static void a_close_is_not_found_by_the_packing(void **state)
{
    struct head_end head;

    (void)state;
    setenv("XDG_CACHE_HOME", scratch_at("cache"), 1);
    head_open(&head);
    links_tick(head.links, 1); /* begins it */
    head_close(&head);
}

static enum err tick(void *self, int64_t now_ms)
{
    struct head_end *h = self;

    links_tick(h->links, now_ms);
    if (strstr(links_note(h->links), "bundle: "))
        loop_stop(h->loop);
    return OK;
}

static enum err enough(void *self, int64_t now_ms)
{
    (void)now_ms;
    loop_stop(((struct head_end *)self)->loop);
    return OK;
}

/* No programs stand beside this one: a fleet goes on without its machines, and says why. */
static void what_cannot_be_packed_is_said(void **state)
{
    struct head_end head;

    (void)state;
    setenv("XDG_CACHE_HOME", scratch_at("cache"), 1);
    head_open(&head);
    assert_string_equal(links_note(head.links), "far: waits for the programs to be packed");
    assert_ok(loop_every(head.loop, 20, tick, &head));
    assert_ok(loop_after(head.loop, 20000, enough, &head));
    assert_ok(loop_run(head.loop));
    assert_non_null(strstr(links_note(head.links), "install all of drover's programs"));
    head_close(&head);
}

static enum err session_tick(void *self, int64_t now_ms)
{
    link_tick(self, now_ms);
    if (access(scratch_at("begun"), F_OK) == 0)
        loop_stop(((struct ssh_link *)self)->fleet->loop);
    return OK;
}

/* An `ssh` that stands first in PATH, and stays. */
static void a_close_is_not_found_by_a_session(void **state)
{
    char *path = mem_print("%s:%s", scratch_at(""), getenv("PATH"));
    char *script = mem_print("#!/bin/sh\n: >%s\nexec sleep 100\n", scratch_at("begun"));
    struct bundle bundle = {.file = mem_text("none")};
    struct hosts_entry entry = {.ssh = mem_text("far"), .entry = json_object()};
    struct link_fleet fleet = {.bundle = &bundle, .letter = json_object()};
    struct ssh_link *link;

    (void)state;
    setenv("PATH", path, 1);
    assert_ok(fs_write(scratch_at("ssh"), script, strlen(script)));
    assert_int_equal(chmod(scratch_at("ssh"), 0755), 0);
    assert_ok(loop_new(&fleet.loop));
    link = link_new(&fleet, &entry);
    assert_ok(loop_every(fleet.loop, 20, session_tick, link));
    assert_ok(loop_run(fleet.loop));
    assert_ok(loop_work(fleet.loop, slow, slow_done, NULL));
    link_free(link);
    loop_free(fleet.loop);
    json_decref(fleet.letter);
    json_decref(entry.entry);
    free(entry.ssh);
    free(bundle.file);
    free(script);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_is_not_found_by_the_packing),
        cmocka_unit_test(what_cannot_be_packed_is_said),
        cmocka_unit_test(a_close_is_not_found_by_a_session),
    };

    return cmocka_run_group_tests_name("links", tests, scratch_open, scratch_close);
}
