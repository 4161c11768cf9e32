/* drover doctor: is everything as it should be, on each machine of a fleet?
 *
 * How it works: from here the three ports are tried; the broker says which machines there are;
 * each one's supervisor looks at its own machine (deploy/checks.h) and answers; what they say is
 * compared with one another and with this machine's clock. Each finding is a line that ends with
 * what to do. The exit status is 1 if there is any, so that a script may ask. What this machine is and
 * how it is best shared out comes first (machine_plan), and alone where there is no fleet. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "cli/machine_plan.h"
#include "deploy/ask.h"
#include "deploy/endpoint.h"
#include "deploy/reach.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 10000, REACH_MS = 3000, SKEW_MS = 5000 };
#define MB (1024.0 * 1024.0)

struct doctor {
    struct endpoint *fleet;
    int findings, hosts;
    char program[65], version[65], first[65]; /* of the first host that said */
};

/* What is wrong, and below it what to do: a finding without a way out only worries people. What a
 * machine says of itself is printed as any text of others (say). */
static void finding(struct doctor *d, const char *host, const char *what, const char *next)
{
    d->findings++;
    say(stdout, "  ! %s%s%s", *host ? host : "", *host ? ": " : "", what);
    say(stdout, "\n      %s\n", next);
}

/* Answers come from machines of other people: what is missing or of another kind is empty, and
 * an empty one is passed over. */
static const char *text(const json_t *tree, const char *key)
{
    const char *found = json_string_value(json_object_get(tree, key));

    return found ? found : "";
}

static double number(const json_t *tree, const char *key)
{
    return json_number_value(json_object_get(tree, key));
}

/* One of several that answers is enough; the last one's words are told. */
static enum err reach_any(const char *list)
{
    enum err err = OK;

    while (*list) {
        const size_t n = strcspn(list, ",");
        char *one = mem_print("%.*s", (int)n, list);

        err = reach_tcp(one, REACH_MS);
        free(one);
        if (!err)
            return OK;
        list += n + (list[n] == ',');
    }
    return err;
}

/* Control is at the address that is known, bulk one port further, the dashboard where it is. */
static void ports(struct doctor *d)
{
    const char *const at[] = {d->fleet->control, d->fleet->dashboard};
    static const char *const name[] = {"control", "dashboard"};

    for (int i = 0; i < 2; i++)
        if (reach_any(at[i])) {
            char *what = mem_print("%s port: %s", name[i], err_text());
            finding(d, "", what,
                    "is the broker running? are ports 5555, 5556 and 5560 of the "
                    "head open to this machine?");
            free(what);
        }
}

/* Of a host's ways the first is control, the second bulk: the one that is forgotten. */
static void ways(struct doctor *d, const char *host, const json_t *found)
{
    size_t i;
    json_t *way;

    json_array_foreach(json_object_get(found, "ways"), i, way)
    {
        if (!*text(way, "words"))
            continue;
        finding(d, host, text(way, "words"),
                i ? "weights come over the bulk port, one above control: open it on the head"
                  : "open the control port on the head, or name another address: advertise");
    }
}

/* Against our own clock: certificates and tickets expire by it. */
static void clocks(struct doctor *d, const char *host, const json_t *found, int64_t before_ms)
{
    const json_int_t said = json_integer_value(json_object_get(found, "clock_ms"));
    const int64_t there = said > 0 ? said : 0, now = clock_wall_ms();
    const int64_t off = there < before_ms ? there - before_ms : there > now ? there - now : 0;
    char *what;

    if (off > -SKEW_MS && off < SKEW_MS)
        return;
    what = mem_print("its clock is %.0f s %s this machine's",
                     (double)(off < 0 ? -off : off) / 1e3, off < 0 ? "behind" : "ahead of");
    finding(d, host, what, "tickets and hours go by it: start its time service (chrony)");
    free(what);
}

/* More threads than cores do not fail, they wait for one another: the one thing that makes a
 * fleet slow without a line in any log. */
static void machine(struct doctor *d, const char *host, const json_t *found)
{
    const double cores = number(found, "cores"), actors = number(found, "actors");
    const double threads = number(found, "threads");
    char *what;

    if (*text(found, "trouble"))
        finding(d, host, text(found, "trouble"), "make room, or scale it down");
    if (threads > 0 && cores > 0 && threads * actors > cores) {
        what = mem_print("%.0f actors of %.0f threads on %.0f cores", actors, threads, cores);
        finding(d, host, what, "fewer actors, or fewer `threads` in its entry");
        free(what);
    } else if (cores > 0 && actors > cores) {
        what = mem_print("%.0f actors on %.0f cores", actors, cores);
        finding(d, host, what, "more than one a core only cost memory: scale it down");
        free(what);
    }
    if (!strcmp(text(found, "isa"), "scalar"))
        finding(d, host, "its processor has no AVX2: its actors are many times slower",
                "leave it to rewarders and workers of your own");
}

/* All answers have the same bits only if all programs are the same. */
static void builds(struct doctor *d, const char *host, const json_t *found)
{
    char *what;

    if (!*d->first) {
        snprintf(d->first, sizeof d->first, "%s", host);
        snprintf(d->program, sizeof d->program, "%s", text(found, "program"));
        snprintf(d->version, sizeof d->version, "%s", text(found, "version"));
        return;
    }
    if (!strcmp(d->program, text(found, "program")))
        return;
    what = mem_print("another build (%s, %s) than %s has (%s, %s)", text(found, "version"),
                     text(found, "program"), d->first, d->version, d->program);
    finding(d, host, what,
            "`drover up` brings the head's programs to its hosts; by hand, install "
            "the same on all");
    free(what);
}

/* A line of all that is there; what is not up is a finding. */
static void processes(struct doctor *d, const char *host, const json_t *found)
{
    const json_t *list = json_object_get(found, "children");
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        say(stdout, "%s%s %s", i ? ", " : "      ", text(one, "name"), text(one, "state"));
    }
    if (json_array_size(list))
        say(stdout, "\n");
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        char *what, *next;

        if (strcmp(text(one, "state"), "again"))
            continue;
        what = mem_print("%s is down: %s", text(one, "name"), text(one, "cause"));
        next = mem_print("it is tried again; `drover logs %s/%s`", host, text(one, "name"));
        finding(d, host, what, next);
        free(what);
        free(next);
    }
}

/* A machine without a supervisor is no finding: somebody has started actors there by hand, which
 * is as good; only nobody can be asked about it. */
static void one_host(struct doctor *d, const json_t *entry)
{
    const char *host = text(entry, "host");
    const int64_t before = clock_wall_ms();
    char *words = NULL, *result = NULL;
    json_t *found;

    d->hosts++;
    if (!json_is_true(json_object_get(entry, "supervised"))) {
        say(stdout, "%s: %.0f actors, %.0f rewarders, without a supervisor: started by hand\n",
            host, number(entry, "actors"), number(entry, "rewarders"));
        return;
    }
    if (ask_fleet(d->fleet,
                  &(struct ask_order){.order = "doctor", .host = host, .timeout_ms = ANSWER_MS},
                  &words, &result)) {
        say(stdout, "%s\n", host);
        finding(d, host, err_text(),
                "is the machine up? `drover top` says when it was heard last");
        return;
    }
    found = json_loads(result, 0, NULL);
    say(stdout,
        "%s%s: %.0f cores (%s), load %.1f, memory %.0f of %.0f MB free, disk %.0f MB free, "
        "%.1f tokens/s, drover %s\n",
        host, json_is_true(json_object_get(entry, "head")) ? " (head)" : "",
        number(found, "cores"), text(found, "isa"), number(found, "load"),
        number(found, "memory_free") / MB, number(found, "memory") / MB,
        number(found, "disk_free") / MB, number(entry, "tokens_s"), text(found, "version"));
    processes(d, host, found);
    ways(d, host, found);
    clocks(d, host, found, before);
    machine(d, host, found);
    builds(d, host, found);
    json_decref(found);
    free(words);
    free(result);
}

/* No broker is a finding, too: it is the first thing that a person with a broken fleet meets. */
static enum err look(struct doctor *d, const char *only)
{
    char *words = NULL, *result = NULL;
    json_t *list, *one;
    size_t i;
    enum err err =
        ask_fleet(d->fleet, &(struct ask_order){.order = "hosts", .timeout_ms = ANSWER_MS},
                  &words, &result);

    if (err) {
        finding(d, "", err_text(),
                "start the broker, or name another: run=FOLDER, "
                "broker=tcp://HOST:5555 key=FILE");
        return OK;
    }
    list = json_loads(result, 0, NULL);
    json_array_foreach(list, i, one)
    {
        if (!only || !strcmp(only, text(one, "host")))
            one_host(d, one);
    }
    json_decref(list);
    free(words);
    free(result);
    if (!d->hosts && only)
        return err_set(ERR_STATE, "no host '%.64s' is connected", only);
    return OK;
}

struct doctor_options {
    struct endpoint_options fleet;
    double measure;
};

static const struct conf_key doctor_keys[] = {
    CONF_REAL(
        doctor_options, measure, "1", 0, 60,
        "seconds in which this machine's products and memory are measured; 0: not at all"),
    CONF_ROW(CONF_TEXT_, doctor_options, fleet.run, "run", "", 0, 0, "run folder", NULL),
    CONF_ROW(CONF_TEXT_, doctor_options, fleet.broker, "broker", "", 0, 0, "control port",
             NULL),
    CONF_ROW(CONF_TEXT_, doctor_options, fleet.dashboard, "dashboard", "", 0, 0,
             "dashboard port", NULL),
    CONF_ROW(CONF_TEXT_, doctor_options, fleet.key, "key", "", 0, 0, "key file", NULL),
    CONF_END,
};

static void this_machine(double measure)
{
    struct machine_plan plan;

    machine_plan_look(&plan, "/proc", "/sys", "/sys/fs/cgroup");
    machine_plan_print(&plan, measure, stdout);
}

static enum err run_doctor(const struct command *command, int argc, char **argv, int *status)
{
    const bool named = argc > 0 && !strchr(argv[0], '=') && strncmp(argv[0], "--", 2);
    struct doctor_options options = {.measure = 0};
    struct endpoint fleet;
    struct doctor doctor = {.fleet = &fleet};
    bool asked;
    enum err err = command_conf(command->keys, &options, argc - named, argv + named);

    if (err) {
        command_conf_free(command->keys, &options);
        return err;
    }
    asked = named || *options.fleet.broker || *options.fleet.run;
    this_machine(options.measure);
    err = endpoint_find(&fleet, &options.fleet);
    if (err == ERR_STATE && !asked) {
        say(stdout, "no fleet: %s\n", err_text());
        err = OK;
    } else if (!err) {
        ports(&doctor);
        err = look(&doctor, named ? argv[0] : NULL);
    }
    if (!err) {
        if (doctor.findings)
            say(stdout, "%d findings\n", doctor.findings);
        else
            say(stdout, "nothing is amiss\n");
        *status = doctor.findings ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    command_conf_free(command->keys, &options);
    return err;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .group = "the fleet",
    .usage = "[HOST] [run=DIR] [measure=SECONDS]",
    .help = "what this machine is and its plan; what is wrong with a fleet's: ports, clocks, "
            "builds, memory",
    .run = run_doctor,
    .keys = doctor_keys,
};
