/* A table of figures, each with its name, its kind and a line of help; then what comes by role, by
 * host, and from the learner's own line, whose names only the run knows: letters that Prometheus
 * does not take become _, and what would read as a unit or a kind that it is not gets `_value`
 * behind it. A name that was there already is left out: two series of one name are no page.
 *
 * Hosts say their names and figures themselves, so both are made printable and checked: what is no
 * number is no line. */
#include "cli/metrics_page.h"

#include "base/printable.h"
#include "proto/role.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 128, TRAIN_MAX = 128 };

/* Both belong before the first figure of a name, once: whoever writes figures by hosts or roles
 * says the head himself and then one line for each. */
static void head(struct strbuf *out, const char *name, const char *kind, const char *help)
{
    strbuf_print(out, "# HELP drover_%s %s\n# TYPE drover_%s %s\n", name, help, name, kind);
}

static void number(struct strbuf *out, double value)
{
    if (isfinite(value))
        strbuf_print(out, " %.15g\n", value);
    else /* a diverged loss is what a person wants to see */
        strbuf_print(out, " %s\n", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
}

static void one(struct strbuf *out, const char *name, const char *kind, const char *help,
                double value)
{
    head(out, name, kind, help);
    strbuf_print(out, "drover_%s", name);
    number(out, value);
}

/* The label's text is somebody else's: a quote or a line's end in it would begin a figure of its
 * own. */
static void labelled(struct strbuf *out, const char *name, const char *label, const char *of,
                     double value)
{
    char text[4 * NAME];

    printable(text, sizeof text, of, strlen(of), PRINTABLE_QUOTED);
    strbuf_print(out, "drover_%s{%s=\"%s\"}", name, label, text);
    number(out, value);
}

/* ---- the fleet */

/* Since the broker first heard of the run: one that starts anew counts from zero, as counters of
 * Prometheus may. */
static void put_counts(struct strbuf *out, const struct msg_stats *s)
{
    const struct {
        const char *name, *help;
        uint64_t value;
    } count[] = {
        {"iterations_total", "Iterations that the learner has done.", s->step},
        {"samples_opened_total", "Samples that the learner asked for.", s->opened},
        {"samples_settled_total", "Samples settled, drops included.", s->settled},
        {"samples_trained_total", "Samples trained on.", s->trained},
        {"samples_duplicate_total", "Answers that came twice.", s->duplicates},
        {"samples_disputed_total", "Second answers that differ from the first.", s->disputed},
        {"samples_expired_total", "Samples and tickets that ran out.", s->expired},
        {"samples_reissued_total", "Samples and tickets given again.", s->reissued},
        {"samples_moved_total", "Samples that who was free took over.", s->moved},
        {"samples_copied_total", "Samples begun anew beside a slow actor.", s->copied},
        {"bad_frames_total", "Frames that could not be read.", s->bad_frames},
        {"refusals_total", "Peers that were refused.", s->refused},
        {"found_false_total", "Answers and scores found false.", s->found_false},
    };

    for (size_t i = 0; i < sizeof count / sizeof *count; i++)
        one(out, count[i].name, "counter", count[i].help, (double)count[i].value);
}

static void put_refusals(struct strbuf *out, const struct msg_stats *s)
{
    if (s->n_refusal)
        head(out, "refused_total", "counter", "What keys were refused, by reason.");
    for (uint32_t i = 0; i < s->n_refusal; i++)
        labelled(out, "refused_total", "reason", s->refusal[i].reason,
                 (double)s->refusal[i].count);
}

static void put_gauges(struct strbuf *out, const struct msg_stats *s)
{
    const struct {
        const char *name, *help;
        double value;
    } gauge[] = {
        {"broker_uptime_seconds", "Since the broker's start.", (double)s->uptime_ms / 1e3},
        {"run_known", "1: a learner has come.", s->run},
        {"run_done", "1: the run is over.", s->done},
        {"runs_waiting", "Learners that wait until their run is served.", s->n_queue},
        {"iterations_planned", "Iterations of the whole run; 0: unknown.",
         (double)s->steps_total},
        {"left_seconds", "Until the run is done; 0: unknown.", (double)s->left_ms / 1e3},
        {"weights_version", "Newest version of the weights.", (double)s->newest.number},
        {"samples_waiting", "Samples without an actor.", (double)s->waiting},
        {"samples_leased", "Samples with an actor.", (double)s->leased},
        {"samples_scoring", "Samples that lack a score.", (double)s->scoring},
        {"samples_unsettled", "Samples ready for the learner or with it.",
         (double)s->unsettled},
        {"tokens_per_second", "Tokens generated, last 10 s.", s->tokens_s},
        {"samples_per_second", "Samples settled, last 10 s.", s->samples_s},
        {"actors_wanted", "Actors that would keep the learner busy.", s->actors_wanted},
        {"waits", "Things that stand still.", s->n_wait},
    };

    for (size_t i = 0; i < sizeof gauge / sizeof *gauge; i++)
        one(out, gauge[i].name, "gauge", gauge[i].help, gauge[i].value);
}

/* Ratios are 0 .. 1, as Prometheus wants them, and not percent. Processes are counted among those
 * that the snapshot lists, which are the first thousand. */
static void put_roles(struct strbuf *out, const struct msg_stats *s)
{
    static const uint32_t roles[] = {ROLE_LEARNER, ROLE_ACTOR, ROLE_REWARDER};
    const double busy[] = {s->learner_busy, s->actor_busy, s->rewarder_busy};
    const double idle[] = {s->learner_idle, s->actor_idle, s->rewarder_idle};
    uint32_t n[ROLES] = {0};

    head(out, "busy_ratio", "gauge", "Share of its time that a role worked, last 10 s.");
    for (int i = 0; i < 3; i++)
        labelled(out, "busy_ratio", "role", role_name(roles[i]), busy[i]);
    head(out, "idle_ratio", "gauge", "Share of its time without work, last minute.");
    for (int i = 0; i < 3; i++)
        labelled(out, "idle_ratio", "role", role_name(roles[i]), idle[i]);
    head(out, "processes", "gauge", "Processes that are here.");
    for (uint32_t i = 0; i < s->n_peer; i++)
        n[s->peer[i].role < ROLES ? s->peer[i].role : 0]++;
    for (uint32_t i = ROLE_LEARNER; i <= ROLE_SUPERVISOR; i++)
        labelled(out, "processes", "role", role_name(i), n[i]);
}

/* ---- hosts */

/* Bytes of weights are no counter: who leaves takes its share of them along, and a sum that falls
 * would look as if the host had begun anew. */
enum column { PROCESSES, ACTORS, TOKENS, BYTES, RATE, LACKING, LEFT, COLUMNS };

static double column_of(const struct msg_stats_host *h, int i)
{
    const double of[COLUMNS] = {
        h->processes,         h->actors,  h->tokens_s,     (double)h->wire_bytes,
        (double)h->wire_rate, h->lacking, h->left_ms / 1e3};

    return of[i];
}

/* What a supervisor says of its machine. */
static const struct {
    const char *key, *name, *kind, *help;
} machine[] = {
    {"cores", "host_cores", "gauge", "Processors that may be used."},
    {"load", "host_load", "gauge", "Load average of the last minute."},
    {"memory", "host_memory_bytes", "gauge", "Memory that may be used."},
    {"memory_free", "host_memory_free_bytes", "gauge", "Memory that is free."},
    {"disk_free", "host_disk_free_bytes", "gauge", "Free where the logs are."},
    {"rx", "host_received_bytes_total", "counter", "Bytes that its interfaces received."},
    {"tx", "host_sent_bytes_total", "counter", "Bytes that its interfaces sent."},
};

/* A figure at a time over all hosts, since lines of one name have to stand together; each host's
 * words are read once for that. What they lack is no line rather than a zero. */
static void put_machines(struct strbuf *out, const struct msg_stats *s)
{
    json_t **said = calloc(s->n_host + 1, sizeof *said);

    for (uint32_t i = 0; said && i < s->n_host; i++)
        said[i] = json_loads(s->host[i].metrics, 0, NULL);
    for (size_t j = 0; said && j < sizeof machine / sizeof *machine; j++) {
        bool headed = false;

        for (uint32_t i = 0; i < s->n_host; i++) {
            const json_t *value = json_object_get(said[i], machine[j].key);

            if (!json_is_number(value))
                continue;
            if (!headed)
                head(out, machine[j].name, machine[j].kind, machine[j].help);
            headed = true;
            labelled(out, machine[j].name, "host", s->host[i].name, json_number_value(value));
        }
    }
    for (uint32_t i = 0; said && i < s->n_host; i++)
        json_decref(said[i]);
    free(said);
}

static void put_hosts(struct strbuf *out, const struct msg_stats *s)
{
    static const char *const column[COLUMNS][2] = {
        {"host_processes", "Processes that are here."},
        {"host_actors", "Actors of them."},
        {"host_tokens_per_second", "Tokens generated there, last 10 s."},
        {"host_weights_bytes", "Bytes of weights that came to its processes by the wire."},
        {"host_weights_bytes_per_second", "Rate at which they come."},
        {"host_actors_lacking", "Actors that do not hold the newest weights."},
        {"host_weights_left_seconds", "Until these are there; 0: unknown or none."},
    };

    for (int j = 0; j < COLUMNS && s->n_host; j++) {
        head(out, column[j][0], "gauge", column[j][1]);
        for (uint32_t i = 0; i < s->n_host; i++)
            labelled(out, column[j][0], "host", s->host[i].name, column_of(&s->host[i], j));
    }
    put_machines(out, s);
}

/* ---- the learner's line */

static bool ends(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n >= m && !strcmp(name + n - m, end);
}

/* Prometheus' own checker takes `_total` for a counter and `_count`, `_sum`, `_bucket` for parts of
 * a histogram, `_ms` for a unit that should be seconds. A learner's name keeps its meaning, with a
 * word behind it. */
static void name_it(char out[NAME], const char *key)
{
    static const char *const kinds[] = {"_total", "_count", "_sum", "_bucket", "_info", "_ms"};
    size_t n = 0;

    for (; *key && n < NAME - 8; key++) {
        const int c = tolower((unsigned char)*key);

        if (isascii(c) && isalnum(c))
            out[n++] = (char)c;
        else if (n && out[n - 1] != '_')
            out[n++] = '_';
    }
    while (n && out[n - 1] == '_')
        n--;
    out[n] = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (ends(out, kinds[i])) {
            snprintf(out + n, NAME - n, "_value");
            return;
        }
}

/* The key as the run has it is the help: the name alone would not tell `rewards/a` and `rewards_a`
 * apart, and of two that become one the first is kept. */
static void put_training(struct strbuf *out, const char *metrics)
{
    json_t *line = json_loads(metrics, 0, NULL), *seen = json_object(), *value;
    const char *key;
    char name[NAME], help[2 * NAME], full[NAME + 8];
    int n = 0;

    json_object_foreach(line, key, value)
    {
        name_it(name, key);
        if (!*name || !json_is_number(value) || json_object_get(seen, name) || n++ == TRAIN_MAX)
            continue;
        json_object_set_new(seen, name, json_true());
        snprintf(full, sizeof full, "train_%s", name);
        printable(help, sizeof help, key, strlen(key), PRINTABLE_QUOTED);
        head(out, full, "gauge", help);
        strbuf_print(out, "drover_%s", full);
        number(out, json_number_value(value));
    }
    json_decref(line);
    json_decref(seen);
}

void metrics_page(struct strbuf *out, const struct msg_stats *s, const struct id *run)
{
    char hex[2 * ID_BYTES + 1] = "";

    one(out, "up", "gauge", "1: the broker said something within the last 10 s.", s != NULL);
    if (!s)
        return;
    for (int i = 0; i < ID_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", run->byte[i]);
    head(out, "run_info", "gauge", "Which run it is; always 1.");
    labelled(out, "run_info", "run", hex, 1);
    put_counts(out, s);
    put_refusals(out, s);
    put_gauges(out, s);
    put_roles(out, s);
    put_hosts(out, s);
    put_training(out, s->metrics);
}

/* ---- JSON */

/* Words of others: a program that prints what it reads here should not be steered by them. */
static json_t *text(const char *from)
{
    char line[512];

    printable(line, sizeof line, from, strlen(from), PRINTABLE_LINE);
    return json_string(line);
}

/* `machine` is passed on as its supervisor said it, read once so that it is JSON at all. */
static json_t *hosts(const struct msg_stats *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->n_host; i++) {
        const struct msg_stats_host *h = &s->host[i];
        json_t *machine_says = json_loads(h->metrics, 0, NULL);

        json_array_append_new(
            list,
            json_pack("{s:o, s:i, s:i, s:f, s:I, s:I, s:i, s:f, s:b, s:o}", "name",
                      text(h->name), "processes", (int)h->processes, "actors", (int)h->actors,
                      "tokens_s", h->tokens_s, "weights_bytes", (json_int_t)h->wire_bytes,
                      "weights_bytes_s", (json_int_t)h->wire_rate, "lacking", (int)h->lacking,
                      "left_s", h->left_ms / 1e3, "head", h->head, "machine",
                      machine_says ? machine_says : json_null()));
    }
    return list;
}

static json_t *waits(const struct msg_stats *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->n_wait; i++)
        json_array_append_new(list,
                              json_pack("{s:o, s:f, s:o}", "name", text(s->wait[i].name),
                                        "age_s", s->wait[i].age_ms / 1e3, "advice",
                                        text(s->wait[i].advice ? s->wait[i].advice : "")));
    return list;
}

/* Who went without a word, the latest first. */
static json_t *deaths(const struct msg_stats *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->n_event; i++) {
        const struct msg_stats_event *e = &s->event[i];

        if (e->died)
            json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:f, s:o}", "role",
                                                  role_name(e->role), "name", text(e->name),
                                                  "host", text(e->host), "age_s",
                                                  e->age_ms / 1e3, "cause", text(e->cause)));
    }
    return list;
}

void metrics_page_json(struct strbuf *out, const struct msg_stats *s)
{
    uint32_t actors = 0;
    json_t *metrics = json_loads(s->metrics, 0, NULL), *all;
    char *words;

    for (uint32_t i = 0; i < s->n_host; i++)
        actors += s->host[i].actors;
    all =
        json_pack("{s:b, s:b, s:I, s:I, s:f, s:I, s:f, s:f, s:{s:f, s:f, s:f}, s:o, s:s, s:o, "
                  "s:{s:i, s:i}, s:o, s:o, s:o, s:o}",
                  "run", s->run, "done", s->done, "step", (json_int_t)s->step, "steps_total",
                  (json_int_t)s->steps_total, "left_s", (double)s->left_ms / 1e3, "version",
                  (json_int_t)s->newest.number, "tokens_s", s->tokens_s, "samples_s",
                  s->samples_s, "busy", "learner", s->learner_busy, "actor", s->actor_busy,
                  "rewarder", s->rewarder_busy, "bottleneck", text(s->bottleneck), "holds",
                  s->holds, "advice", text(s->advice), "scale", "actors", (int)actors,
                  "actors_wanted", (int)s->actors_wanted, "hosts", hosts(s), "waits", waits(s),
                  "deaths", deaths(s), "metrics", metrics ? metrics : json_object());
    words = json_dumps(all, JSON_COMPACT);
    strbuf_print(out, "%s\n", words ? words : "{}");
    free(words);
    json_decref(all);
}
