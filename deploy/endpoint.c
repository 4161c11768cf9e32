/* How it works: a supervisor writes where its fleet listens into fleet.json of the run's
 * folder (endpoint_make), with the paths of an operator's, a follower's and an annotator's key and its own process id; commands read it there
 * (endpoint_read). Without a name the newest such file up to two folders down counts, if its
 * supervisor still lives: a person with one run going types `drover top` and no more. By
 * address nothing is read but the key, and the dashboard is five ports further, where the
 * broker puts it unless it is told otherwise. */
#include "deploy/endpoint.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/ports.h"
#include "deploy/run_folder.h"
#include "proto/address.h"
#include "proto/registrar.h"

#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct conf_key endpoint_keys[] = {
    CONF_TEXT(endpoint_options, run, "",
              "run folder (default: the newest living run below this folder)"),
    CONF_TEXT(endpoint_options, broker, "",
              "a standing fleet's control port, tcp://HOST:5555; several with commas: in turn"),
    CONF_TEXT(endpoint_options, dashboard, "", "its dashboard port (default: five further)"),
    CONF_TEXT(endpoint_options, key, "", "a key file of the role operator (top: or watcher)"),
    CONF_END,
};

enum { FLEET_JSON_MAX = 64 << 10 };

/* For other processes of the same person: what is secret stands in the key file, not here. */
static enum err write_json(const struct endpoint *fleet)
{
    char *path = mem_print("%s/fleet.json", fleet->run);
    json_t *tree =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "control", fleet->control, "dashboard",
                  fleet->dashboard, "key", fleet->key_path, "follower", fleet->follower_path,
                  "annotator", fleet->annotator_path, "pid", (json_int_t)fleet->pid);
    char *text = json_dumps(tree, JSON_INDENT(1));
    const enum err err = fs_write(path, text, strlen(text));

    free(text);
    json_decref(tree);
    free(path);
    return err;
}

/* Does the folder know the key of this file, and is it valid? Of a folder that was there before: a key that was revoked would only be refused later, in words
 * that name no file. */
static enum err known(const struct endpoint *fleet, const struct curve_keys *keys,
                      const char *path)
{
    const struct keyring_entry *entry;
    const char *words = "its keys folder does not know it";
    const int64_t now_s = clock_wall_ms() / 1000;
    struct keyring *ring;
    struct hash key;
    bool good;
    enum err err = keyring_open(&ring, fleet->folder, now_s);

    if (err)
        return err;
    err = curve_key(&key, keys->public_key);
    entry = err ? NULL : keyring_find(ring, &key);
    good = entry && keyring_valid(entry, now_s, &words);
    if (!err && !good)
        err = err_set(ERR_STATE, "%s: %s", path, words);
    keyring_close(ring);
    return err;
}

/* Of this machine: FOLDER/NAME.key. */
static enum err key_of(const struct endpoint *fleet, enum role role, const char *name,
                       char path[4096])
{
    struct curve_keys keys;
    enum err err;

    snprintf(path, 4096, "%.3900s/%s.key", fleet->folder, name);
    if (!fs_exists(path))
        return registrar_add(fleet->folder,
                             &(struct registrar_want){.name = name, .role = role}, NULL,
                             clock_wall_ms() / 1000);
    err = curve_load(&keys, path);
    if (!err)
        err = known(fleet, &keys, path);
    curve_wipe(&keys);
    return err;
}

/* Roles here are of processes, roles of keys are of the protocol: a worker of the user's scores. */
enum err endpoint_key(const struct endpoint *fleet, enum plan_role role, const char *name,
                      char path[4096])
{
    static const enum role roles[] = {[PLAN_LEARNER] = ROLE_LEARNER,
                                      [PLAN_ACTOR] = ROLE_ACTOR,
                                      [PLAN_REWARDER] = ROLE_REWARDER,
                                      [PLAN_WORKER] = ROLE_REWARDER};

    if (role == PLAN_BROKER) { /* it reads the folder itself */
        snprintf(path, 4096, "%s", fleet->folder);
        return OK;
    }
    return key_of(fleet, roles[role], name, path);
}

enum err endpoint_make(struct endpoint *out, const char *run, const char *keys,
                       const struct ports *ports)
{
    char path[4096];
    enum err err = OK;

    memset(out, 0, sizeof *out);
    snprintf(out->run, sizeof out->run, "%s", run);
    snprintf(out->control, sizeof out->control, "%s", ports->control);
    snprintf(out->dashboard, sizeof out->dashboard, "%s", ports->dashboard);
    out->pid = (long)getpid();
    out->secure = true;
    snprintf(out->folder, sizeof out->folder, "%s", keys);
    if (!*keys) { /* throwaway: each start makes its own */
        snprintf(out->folder, sizeof out->folder, "%.4000s/keys", run);
        err = fs_remove(out->folder);
        if (!err)
            err = registrar_create(out->folder, clock_wall_ms() / 1000);
    }
    if (!err)
        err = key_of(out, ROLE_OPERATOR, "operator", out->key_path);
    if (!err)
        err = key_of(out, ROLE_FOLLOWER, "follower", out->follower_path);
    if (!err)
        err = key_of(out, ROLE_ANNOTATOR, "annotator", out->annotator_path);
    if (!err)
        err = key_of(out, ROLE_SUPERVISOR, "supervisor", path);
    if (!err)
        err = curve_load(&out->keys, path);
    if (err)
        return err_add("keys");
    return write_json(out);
}

void endpoint_tell(const struct endpoint *fleet, const char *host, int port)
{
    const bool everywhere = !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
    char name[65] = "";

    if (everywhere)
        gethostname(name, sizeof name - 1);
    outlet_look();
    fprintf(stderr,
            "fleet: others join with a ticket: drover keys ticket %s role=actor "
            "broker=tcp://%s%s%s:%d, and on their machine drover-actor --ticket-file=FILE\n",
            fleet->folder, !everywhere && strchr(host, ':') ? "[" : "",
            everywhere ? name : host, !everywhere && strchr(host, ':') ? "]" : "", port);
}

/* Too long a text is cut and will not be dialled: the file is our own. */
static void take(char *out, size_t room, const json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));

    snprintf(out, room, "%s", text ? text : "");
}

/* A fleet without a key file speaks in the clear. */
static enum err load_key(struct endpoint *fleet)
{
    fleet->secure = *fleet->key_path != 0;
    return fleet->secure ? curve_load(&fleet->keys, fleet->key_path) : OK;
}

enum err endpoint_read(struct endpoint *out, const char *run)
{
    char *path = mem_print("%s/fleet.json", run), *text = NULL;
    json_t *tree = NULL;
    size_t n;
    enum err err = fs_read(&text, &n, path, FLEET_JSON_MAX);

    memset(out, 0, sizeof *out);
    if (!err) {
        tree = json_loadb(text, n, 0, NULL);
        if (!tree)
            err = err_set(ERR_PARSE, "%s: not JSON", path);
    }
    if (!err) {
        snprintf(out->run, sizeof out->run, "%s", run);
        take(out->control, sizeof out->control, tree, "control");
        take(out->dashboard, sizeof out->dashboard, tree, "dashboard");
        take(out->key_path, sizeof out->key_path, tree, "key");
        take(out->follower_path, sizeof out->follower_path, tree, "follower");
        take(out->annotator_path, sizeof out->annotator_path, tree, "annotator");
        out->pid = (long)json_integer_value(json_object_get(tree, "pid"));
        err = load_key(out);
    }
    json_decref(tree);
    free(text);
    free(path);
    return err;
}

/* One address more of the lists; the dashboard is five ports further at each. */
static enum err add_address(struct endpoint *out, const char *text, size_t n)
{
    const size_t at = strlen(out->control), board = strlen(out->dashboard);
    const char *const comma = at ? "," : "";
    char one[ADDRESS_TEXT] = "", *end = NULL;
    const char *colon;
    long port = 0;

    if (n < sizeof one)
        memcpy(one, text, n);
    colon = strrchr(one, ':');
    if (colon)
        port = strtol(colon + 1, &end, 10);
    if (strncmp(one, "tcp://", 6) || port < 1 || port > 65535 || *end)
        return err_set(ERR_RANGE, "broker: '%.*s' is no address: tcp://HOST:PORT is meant",
                       n < 100 ? (int)n : 100, text);
    if (at + n + 2 > sizeof out->control || board + n + 4 > sizeof out->dashboard)
        return err_set(ERR_RANGE, "broker: more addresses than anybody has");
    snprintf(out->control + at, sizeof out->control - at, "%s%s", comma, one);
    snprintf(out->dashboard + board, sizeof out->dashboard - board, "%s%.*s:%ld", comma,
             (int)(colon - one), one, port + 5);
    return OK;
}

/* An address that is none is told before anything is dialled. */
static enum err by_address(struct endpoint *out, const struct endpoint_options *options)
{
    enum err err = OK;

    memset(out, 0, sizeof *out);
    for (const char *at = options->broker; !err && *at;) {
        const size_t n = strcspn(at, ",");

        err = add_address(out, at, n);
        at += n + (at[n] == ',');
    }
    if (err)
        return err;
    if (*options->dashboard)
        snprintf(out->dashboard, sizeof out->dashboard, "%s", options->dashboard);
    snprintf(out->key_path, sizeof out->key_path, "%s", options->key);
    return load_key(out);
}

/* One that has ended and that its parent has not asked about yet: its number is taken, and nobody
 * answers. The state stands behind the name, which may have brackets of its own. */
static bool ended(long pid)
{
    char path[40], line[512];
    const char *state = NULL;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    if (fgets(line, sizeof line, file))
        state = strrchr(line, ')');
    fclose(file);
    return state && state[1] == ' ' && (state[2] == 'Z' || state[2] == 'X');
}

/* Not ours to signal counts as there: "no such process" is gone, and who has ended. */
static bool gone(long pid)
{
    return (kill((pid_t)pid, 0) && errno == ESRCH) || ended(pid);
}

enum { BEGIN_MS = 10000, LOOK_MS = 20 };

/* Between the folder's lock and its fleet.json a supervisor makes keys: what is there meanwhile is
 * its predecessor's, or nothing. */
enum err endpoint_living(struct endpoint *out, const char *run, long pid)
{
    const int64_t until = clock_mono_ms() + BEGIN_MS;
    enum err err = endpoint_read(out, run);
    long holder;

    while ((err || (pid ? out->pid != pid : gone(out->pid))) &&
           (holder = run_folder_holder(run)) && (!pid || holder == pid) &&
           clock_mono_ms() < until) {
        poll(NULL, 0, LOOK_MS);
        err = endpoint_read(out, run);
    }
    if (!err && out->pid > 0 && gone(out->pid))
        err = err_set(ERR_STATE,
                      "%s: this run does not run: its supervisor, process %ld, is gone", run,
                      out->pid);
    return err;
}

/* The newest fleet.json whose supervisor lives. */
static enum err newest(struct endpoint *out)
{
    static const char *const patterns[] = {"fleet.json", "*/fleet.json", "*/*/fleet.json"};
    time_t best = 0;
    glob_t found;

    for (int p = 0; p < 3; p++)
        if (glob(patterns[p], p ? GLOB_APPEND | GLOB_NOSORT : GLOB_NOSORT, NULL, &found) && !p)
            memset(&found, 0, sizeof found);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *folder = mem_text(found.gl_pathv[i]);
        struct endpoint one;
        struct stat st;
        char *slash = strrchr(folder, '/');
        if (slash)
            *slash = 0;
        if (!stat(found.gl_pathv[i], &st) && st.st_mtime >= best &&
            !endpoint_read(&one, slash ? folder : ".") && one.pid > 0 && !gone(one.pid)) {
            best = st.st_mtime;
            *out = one;
        }
        free(folder);
    }
    globfree(&found);
    return best ? OK
                : err_set(ERR_STATE,
                          "no living run below this folder; name one with run=FOLDER or "
                          "broker=tcp://host:5555 key=FILE");
}

enum err endpoint_find(struct endpoint *out, const struct endpoint_options *options)
{
    if (*options->broker)
        return by_address(out, options);
    return *options->run ? endpoint_living(out, options->run, 0) : newest(out);
}
