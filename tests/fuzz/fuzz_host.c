/* What comes from a machine that is not ours, by its disk or its ssh session: the file of a host, its
 * entry, the lines that it says.
 *
 * Input: a byte of how, then text. 0: as host.json; what is taken is written and read again as the
 * same. 1: as an entry. 2: as lines of a session that is up, 3: of one that begins. What is said here
 * of them stays within its bounds, and costs no more than one letter, one size and one ticket. */

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/bundle.h"
#include "deploy/host_file.h"
#include "deploy/link.h"
#include "deploy/link_talk.h"
#include "deploy/plan.h"
#include "net/child.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMS = 4, LETTER = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static char folder[64];
static int tickets;

static void must(bool so)
{
    if (!so)
        abort();
}

static void read_entry(const json_t *entry)
{
    struct plan plan;
    char name[PLAN_NAME];

    if (!plan_read_host(&plan, entry, folder)) {
        must(plan.actors >= 0 && plan.rewarders >= 0 && plan.n_workers <= PLAN_WORKERS);
        plan_host_name(name, &plan);
        must(strlen(name) < sizeof name);
    }
    plan_free(&plan);
}

/* The folder is one of this process's alone. */
static void read_file(const uint8_t *bytes, size_t n)
{
    char path[96];
    struct host_file file;

    snprintf(path, sizeof path, "%s/host.json", folder);
    must(!fs_write(path, bytes, n));
    if (!host_file_read(&file, folder)) {
        read_entry(file.entry);
        must(!host_file_write(&file, folder));
        must(n > HOST_FILE_MAX / 16 ||
             host_file_same(&file, folder)); /* it may grow by its layout */
    }
    host_file_free(&file);
}

static enum err ticket(void *self, const char *host, char **line)
{
    (void)self, (void)host;
    tickets++;
    *line = mem_text("drover1:x");
    return OK;
}

/* Somebody to be told to end: one that has, and is not waited for. */
static struct child *session(void)
{
    static const char *const argv[] = {"true", NULL};
    static struct child *child;
    static struct loop *loop;

    if (!loop)
        must(!loop_new(&loop) &&
             !child_start(&child, loop,
                          &(struct child_conf){.argv = argv, .out = -1, .err = -1}));
    return child;
}

static void hear(const uint8_t *bytes, size_t n, bool is_up)
{
    static struct bundle bundle = {.file = "/dev/null", .machine = "x86_64", .bytes = 9};
    json_t *letter = json_pack("{s:s}", "broker", "tcp://h:1"), *entry = json_object();
    const struct link_fleet fleet = {.bundle = &bundle, .letter = letter, .ticket = ticket};
    char ssh[] = "far";
    struct hosts_entry one = {.ssh = ssh, .name = "far", .entry = entry};
    struct ssh_link *l = link_new(&fleet, &one);
    char line[LINK_LINE];

    tickets = 0;
    l->child = session();
    l->state = is_up ? LINK_UP : LINK_DIAL;
    for (size_t at = 0, end; at < n; at = end + 1) {
        const uint8_t *stop = memchr(bytes + at, '\n', n - at);
        size_t m;

        end = stop ? (size_t)(stop - bytes) : n;
        m = end - at < sizeof line - 1 ? end - at : sizeof line - 1;
        memcpy(line, bytes + at, m);
        line[m] = 0;
        link_talk_hear(l, line);
        link_talk_pump(l);
        must(strlen(l->words) < LINK_WORDS && strlen(l->news) < LINK_WORDS);
        must(!l->text || strlen(l->text) < LETTER);
        must(tickets <= 1 && l->state <= LINK_ENDED);
    }
    l->child = NULL;
    link_free(l);
    json_decref(letter);
    json_decref(entry);
}

static void tidy(void)
{
    if (fs_remove(folder))
        log_error("tidy", "reason=\"%s\"", err_text());
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *tree;

    if (!*folder) {
        snprintf(folder, sizeof folder, "/tmp/drover-fuzz-host-%d", (int)getpid());
        must(!mkdir(folder, 0700) && !log_level("error") && !atexit(tidy));
    }
    if (!n)
        return 0;
    if (bytes[0] % FORMS == 0) {
        read_file(bytes + 1, n - 1);
    } else if (bytes[0] % FORMS == 1) {
        tree = json_loadb((const char *)bytes + 1, n - 1, 0, NULL);
        if (json_is_object(tree))
            read_entry(tree);
        json_decref(tree);
    } else {
        hear(bytes + 1, n - 1, bytes[0] % FORMS == 2);
    }
    return 0;
}
