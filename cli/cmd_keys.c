/* drover keys: the keys folder of a fleet: who may join, and as what.
 *
 * How it works: a verb, the folder, what the verb is about (names), then keys of a table. What is
 * done stands in proto/registrar.h; here are words in and words out. Secrets are written to files
 * that only their owner can read, and a ticket to standard output or such a file; nothing secret
 * is ever taken from the command line, which all users of a machine can read. */

#include "base/clock.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "cli/snapshot.h"
#include "proto/invite.h"
#include "proto/registrar.h"
#include "proto/role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct keys_options {
    char *role, *name, *broker, *file;
    int uses;
    double hours;
    bool all;
};

static const struct conf_key keys_table[] = {
    CONF_TEXT(keys_options, role, "",
              "add, ticket: learner, actor, rewarder, supervisor, operator, watcher, auditor, "
              "follower or annotator"),
    CONF_TEXT(keys_options, file, "",
              "add: where to (default FOLDER/NAME.key); ticket: a file "
              "instead of standard output; list: the key to ask by (FOLDER/operator.key)"),
    CONF_TEXT(keys_options, name, "", "ticket: what it is called in the list"),
    CONF_TEXT(keys_options, broker, "",
              "ticket: tcp://HOST:PORT as workers dial it; several with commas: tried in turn; "
              "list: a broker that is asked when each key was last seen"),
    CONF_INT(keys_options, uses, "1", 1, KEYRING_USES, "ticket: how many may come in by it"),
    CONF_REAL(
        keys_options, hours, "", 0, 87600,
        "add, ticket: valid for so long (default: for ever; a ticket: 24); rotate: so long "
        "both generations are valid (24)"),
    CONF_BOOL(keys_options, all, "false",
              "revoke, remove: with all that came in by that ticket or supervisor"),
    CONF_END,
};

enum { WORDS = 2, HOUR_S = 3600, LOOKS = 5, LOOK_MS = 1000 };

/* What a verb is given. */
struct asked {
    const char *folder, *word; /* word: a name; NULL */
    struct keys_options o;
    int64_t now_s;
};

/* Seconds of the clock; 0, for ever, if so many hours are none. */
static int64_t until(const struct asked *a, double otherwise)
{
    const double hours = conf_has_real(a->o.hours) ? a->o.hours : otherwise;

    return hours > 0 ? a->now_s + (int64_t)(hours * HOUR_S + .5) : 0;
}

/* With a key for the person who makes it: without one nobody could look. */
static enum err new_folder(struct asked *a)
{
    const struct registrar_want want = {.name = "operator", .role = ROLE_OPERATOR};
    enum err err = registrar_create(a->folder, a->now_s);

    if (!err)
        err = registrar_add(a->folder, &want, NULL, a->now_s);
    if (!err)
        say(stdout,
            "%s: a keys folder. The broker takes it (--keys=%s); %s/operator.key is yours, for "
            "top, scale and down. Workers: drover keys add %s NAME role=actor, or a ticket\n",
            a->folder, a->folder, a->folder, a->folder);
    return err;
}

/* The file holds a secret: it is made where it is to be, and never shown. */
static enum err add(struct asked *a)
{
    struct registrar_want want = {.name = a->word, .expires_s = until(a, 0)};
    enum err err = role_find(&want.role, a->o.role);

    if (!err)
        err = registrar_add(a->folder, &want, *a->o.file ? a->o.file : NULL, a->now_s);
    if (!err && *a->o.file)
        say(stdout, "%s: the key of %s, role %s\n", a->o.file, a->word, a->o.role);
    else if (!err)
        say(stdout,
            "%s/%s.key: the key of %s, role %s; take it to its machine, and to no other\n",
            a->folder, a->word, a->word, a->o.role);
    return err;
}

/* ---- tickets */

static enum err take_brokers(struct invite *out, const char *list)
{
    if (!*list)
        return err_set(ERR_PARSE, "broker: where shall they dial? broker=tcp://HOST:5555");
    while (*list) {
        const size_t n = strcspn(list, ",");
        if (out->n_broker == INVITE_BROKERS || !n || n >= INVITE_ADDRESS)
            return err_set(ERR_RANGE, "broker: at most %d addresses of %d letters",
                           INVITE_BROKERS, INVITE_ADDRESS - 1);
        memcpy(out->broker[out->n_broker++], list, n);
        list += n + (list[n] == ',');
    }
    return OK;
}

/* One line, to standard output or to a new file that nobody else can read. */
static enum err hand_out(const char *file, const char *text)
{
    const int fd = *file ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    enum err err = OK;

    if (!*file) {
        printf("%s\n", text);
        return OK;
    }
    if (fd < 0 || dprintf(fd, "%s\n", text) < 0)
        err = err_set(ERR_IO, "%s: %s", file, strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

/* The line goes to standard output, for a pipe; what is said to people goes beside it, to standard
 * error. */
static enum err ticket(struct asked *a)
{
    struct registrar_want want = {.uses = (uint32_t)a->o.uses, .expires_s = until(a, 24)};
    struct invite invite = {.expires_s = until(a, 24)};
    char name[CURVE_NAME], *text = NULL;
    enum err err = role_find(&want.role, a->o.role);

    snprintf(name, sizeof name, "%.30s-%llx", a->o.role, (unsigned long long)clock_wall_ms());
    want.name = *a->o.name ? a->o.name : name;
    if (!err)
        err = take_brokers(&invite, a->o.broker);
    if (!err) /* before there is a ticket: is it one that can be written? */
        err = invite_write(&text, &invite);
    free(text);
    text = NULL;
    if (!err)
        err = registrar_ticket(&invite.keys, a->folder, &want, a->now_s);
    if (!err)
        err = invite_write(&text, &invite);
    if (!err)
        err = hand_out(a->o.file, text);
    if (!err)
        fprintf(stderr, "ticket %s: role %s, %d %s, %s; whoever has the line can use it\n",
                want.name, a->o.role, a->o.uses, a->o.uses == 1 ? "use" : "uses",
                want.expires_s ? "until its time is over" : "for ever");
    invite_wipe(&invite);
    free(text);
    return err;
}

/* ---- looking */

/* "-" of never. */
static void date(char out[24], int64_t at_s)
{
    const time_t at = (time_t)at_s;
    struct tm tm;

    if (!at_s || !localtime_r(&at, &tm) || !strftime(out, 24, "%Y-%m-%d %H:%M", &tm))
        snprintf(out, 24, "-");
}

/* How long ago, for a column. */
static void ago(char out[24], uint32_t age_ms)
{
    const uint32_t s = age_ms / 1000;

    if (s < 120)
        snprintf(out, 24, "%u s ago", s);
    else if (s < 2 * HOUR_S)
        snprintf(out, 24, "%u min ago", s / 60);
    else
        snprintf(out, 24, "%u h ago", s / HOUR_S);
}

/* "-": not since that broker's start. */
static void seen(char out[24], const struct msg_stats *stats, const struct keyring_entry *e)
{
    snprintf(out, 24, "-");
    for (uint32_t i = 0; stats && i < stats->n_key; i++)
        if (!strcmp(stats->key[i].name, e->name)) {
            if (stats->key[i].connections)
                snprintf(out, 24, "now");
            else
                ago(out, stats->key[i].age_ms);
        }
}

static void print_entry(const struct asked *a, const struct msg_stats *stats,
                        const struct keyring_entry *e)
{
    char made[24], end[24], last[24], key[CURVE_TEXT], uses[24] = "-";
    const char *words;

    date(made, e->made_s);
    date(end, e->expires_s);
    seen(last, stats, e);
    curve_text(key, &e->key);
    if (e->is_ticket)
        snprintf(uses, sizeof uses, "%u of %u", e->used, e->uses);
    keyring_valid(e, a->now_s, &words);
    say(stdout, "%-28s %-10s %-16s %-16s %-10s %-8s", e->name, role_name(e->role), made, end,
        uses,
        e->revoked_s                         ? "revoked"
        : *words                             ? "expired"
        : e->is_ticket && e->used >= e->uses ? "used up"
                                             : "valid");
    if (stats)
        say(stdout, " %-10s", last);
    say(stdout, " %s%s%s%s%s\n", key, *e->ticket ? "  by " : "", e->ticket,
        *e->host ? " at " : "", e->host);
}

/* The snapshot that follows a subscription has the keys; one of each second may come before it. */
static enum err ask_broker(const struct asked *a, struct snapshots **stats,
                           const struct msg_stats **out)
{
    char path[4096], none[] = "";
    struct endpoint_options options = {
        .run = none, .broker = a->o.broker, .dashboard = none, .key = path};
    struct endpoint fleet;
    bool got = false;
    enum err err;

    snprintf(path, sizeof path, *a->o.file ? "%s" : "%s/operator.key",
             *a->o.file ? a->o.file : a->folder);
    err = endpoint_find(&fleet, &options);
    if (!err)
        err = snapshot_open(stats, &fleet);
    for (int i = 0; !err && i < LOOKS && !(got && *out && (*out)->n_key); i++)
        err = snapshot_next(*stats, out, LOOK_MS, &got);
    if (!err && !(got && *out && (*out)->n_key))
        err = err_set(ERR_IO,
                      "%s: says nothing of keys: is it an older broker, or one "
                      "without a keys folder?",
                      a->o.broker);
    return err;
}

static void print_list(const struct asked *a, const struct keyring *ring,
                       const struct msg_stats *stats)
{
    const struct keyring_entry *entry;
    char when[24];
    int64_t from_s;
    const char *const next = keyring_next(ring, &from_s);
    uint32_t n;

    date(when, from_s);
    say(stdout, "broker  %s\n", keyring_broker(ring)->public_key);
    if (*next)
        say(stdout, "next    %s  from %s on\n", next, when);
    say(stdout, "%-28s %-10s %-16s %-16s %-10s %-8s%s %s\n", "NAME", "ROLE", "MADE", "UNTIL",
        "USED", "STATE", stats ? " SEEN      " : "", "PUBLIC KEY");
    entry = keyring_list(ring, &n);
    for (uint32_t i = 0; i < n; i++)
        print_entry(a, stats, &entry[i]);
}

/* For people: dates are local, and what ended is shown as well, with why. The folder knows who may
 * come; who did, and when last, a broker knows since its start. */
static enum err list(struct asked *a)
{
    const struct msg_stats *stats = NULL;
    struct snapshots *from = NULL;
    struct keyring *ring;
    enum err err = keyring_open(&ring, a->folder, a->now_s);

    if (err)
        return err;
    if (*a->o.broker)
        err = ask_broker(a, &from, &stats);
    if (!err)
        print_list(a, ring, stats);
    snapshot_close(from);
    keyring_close(ring);
    return err;
}

/* ---- revoking, rotating */

/* The folder is all that changes: a broker that runs looks at it by itself, and one that does not
 * will read it at its start. */
static enum err shut_out(struct asked *a)
{
    uint32_t n;
    enum err err = registrar_revoke(&n, a->folder, a->word, a->o.all, a->now_s);

    if (!err)
        say(stdout, "%u revoked; a broker that runs cuts them within a second\n", n);
    return err;
}

/* Of what ended: the list is shorter, and there is room for others. */
static enum err take_out(struct asked *a)
{
    uint32_t n;
    enum err err = registrar_remove(&n, a->folder, a->word, a->o.all, a->now_s);

    if (!err)
        say(stdout, "%u removed\n", n);
    return err;
}

/* From a moment in time on, which every broker of the folder reckons by its own clock: one that is
 * restarted meanwhile does the same. hours=0: at once, for a secret that has leaked. */
static enum err rotate(struct asked *a)
{
    const int64_t from_s =
        conf_has_real(a->o.hours) && a->o.hours <= 0 ? a->now_s : until(a, 24);
    char when[24];
    enum err err = registrar_rotate(a->folder, from_s, a->now_s);

    date(when, from_s);
    if (!err)
        say(stdout,
            "the broker's next key counts from %s on; until then its workers hear of it, "
            "and keys and tickets that are made know both\n",
            when);
    return err;
}

static const struct verb {
    const char *name;
    int words; /* behind the verb */
    enum err (*run)(struct asked *asked);
} verbs[] = {
    {"new", 1, new_folder},  {"add", 2, add},         {"ticket", 1, ticket}, {"list", 1, list},
    {"revoke", 2, shut_out}, {"remove", 2, take_out}, {"rotate", 1, rotate},
};

/* Words that are no key come first. */
static int count_words(int argc, char **argv)
{
    int n = 0;

    while (n < argc && n < WORDS && strncmp(argv[n], "--", 2) && !strchr(argv[n], '='))
        n++;
    return n;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    const struct verb *verb = NULL;
    struct asked asked = {.now_s = clock_wall_ms() / 1000};
    int words = argc > 1 ? count_words(argc - 1, argv + 1) : 0;
    enum err err;

    for (size_t i = 0; argc && i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(argv[0], verbs[i].name))
            verb = &verbs[i];
    /* A public key may hold what looks like an option. */
    if (verb && verb->words == WORDS && words == 1 && argc > 2)
        words = WORDS;
    if (!verb || words != verb->words) {
        fprintf(stderr, "usage: drover keys %s\n", command->usage);
        *status = 2;
        return OK;
    }
    asked.folder = argv[1];
    asked.word = words == WORDS ? argv[2] : NULL;
    err = command_conf(keys_table, &asked.o, argc - 1 - words, argv + 1 + words);
    if (!err)
        err = verb->run(&asked);
    command_conf_free(keys_table, &asked.o);
    return err;
}

const struct command cmd_keys = {
    .name = "keys",
    .group = "the fleet",
    .usage = "new FOLDER | add FOLDER NAME role=ROLE | ticket FOLDER role=ROLE "
             "broker=tcp://HOST:PORT [uses=N] [hours=H] | list FOLDER [broker=tcp://HOST:PORT] "
             "| revoke FOLDER "
             "NAME|PUBLICKEY [all=true] | remove FOLDER NAME|PUBLICKEY [all=true] | rotate "
             "FOLDER [hours=H]",
    .help = "who may join a fleet: keys, tickets, revocation, rotation",
    .run = run,
    .keys = keys_table,
};
