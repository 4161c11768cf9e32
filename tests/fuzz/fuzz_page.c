/* fuzz_page: any bytes as bodies of POSTs to the page, of somebody who may ask anything: the whole
 * way of a request but the network. Each line is one: its first byte says which route, the rest
 * is the body. What comes back is JSON and never a 500; and the store is whole, whatever was said;
 * then all of it is taken back, so that a case is the same wherever it runs. */
#include "annotate/annotate.h"
#include "annotate/caller.h"
#include "annotate/routes.h"
#include "base/mem.h"
#include "prefs/assign.h"
#include "prefs/copy.h"
#include "prefs/item.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { NOW = 1000000, LINES = 32 };

static struct annotate server;
static char folder[] = "/tmp/drover-fuzz-XXXXXX";

static char *at(const char *name)
{
    return mem_print("%s/%s", folder, name);
}

static void clean(void)
{
    static const char *const all[] = {"s.db", "s.db-wal", "s.db-shm"};

    prefs_close(server.prefs);
    json_decref(server.told.state);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *const name = at(all[i]);
        unlink(name);
        free(name);
    }
    rmdir(folder);
}

/* One of each mode, so that every verdict has somewhere to go. */
static void add_items(void)
{
    for (int i = 0; i < 4 * PREFS_MODES; i++) {
        const enum prefs_mode mode = (enum prefs_mode)(i % PREFS_MODES);
        struct prefs_item item = {.mode = mode,
                                  .n = mode == PREFS_RANK                             ? 3
                                       : mode == PREFS_STEPS || mode == PREFS_REWRITE ? 1
                                                                                      : 2};
        int64_t id;
        item.prompt = json_sprintf("question %d", i);
        for (int j = 0; j < item.n; j++)
            item.candidate[j].content = mode == PREFS_STEPS ? json_pack("[s, s]", "one", "two")
                                                            : json_sprintf("answer %d", j);
        if (prefs_item_add(server.prefs, &id, &item, NOW))
            abort();
        prefs_item_free(&item);
    }
}

/* One item is open already: a body can be about it without having asked for it. */
static void begin(void)
{
    static const uint8_t secret[PREFS_SECRET] = "thirty-two bytes, always these..";
    const struct prefs_settings settings = prefs_settings_usual();
    struct prefs_assignment it;
    enum prefs_offer offer;
    char *path;
    int64_t id;

    if (!mkdtemp(folder))
        abort();
    atexit(clean);
    path = at("s.db");
    if (prefs_create(path, &settings, secret, NOW) ||
        prefs_open(&server.prefs, path, PREFS_WRITE))
        abort();
    free(path);
    add_items();
    if (prefs_person_add(server.prefs, &id, "somebody", PREFS_ADMIN, NOW) ||
        prefs_next(server.prefs, id, NOW, &offer, &it) || prefs_commit(server.prefs))
        abort();
    server.conf = (struct annotate_conf){.owner = "somebody"};
    server.base = (char *)(uintptr_t) "http://127.0.0.1:1";
    memcpy(server.cookie, "drover", 7);
}

/* Routes that answer a body without looking at the connection. Passwords are hashed, which is slow on
 * purpose, and need it: they have a test of their own. */
static const struct route *route_of(uint8_t which)
{
    const struct route *found[64];
    size_t n = 0;

    for (size_t i = 0; i < routes_n; i++)
        if (!strcmp(routes_table[i].method, "POST") &&
            strcmp(routes_table[i].path, "/api/login") != 0 &&
            strcmp(routes_table[i].path, "/api/password") != 0)
            found[n++] = &routes_table[i];
    return found[which % n];
}

/* As caller_serve does after it knows who asks. */
static unsigned post(const uint8_t *bytes, size_t n, int64_t now)
{
    struct desk_request request = {.status = 404, .file = -1};
    struct caller caller = {.annotate = &server, .request = &request, .now = now, .in = true};
    const struct route *const route = route_of(*bytes);
    json_t *said;

    strbuf_put(&request.body, (const char *)bytes + 1, n - 1);
    if (prefs_person_read(server.prefs, 1, &caller.person))
        abort();
    if (caller_parse(&caller))
        route->answer(&caller, &request);
    said = json_loadb(request.out.text ? request.out.text : "", request.out.n, 0, NULL);
    if (request.status >= 500 || !json_is_object(said))
        abort();
    json_decref(said);
    json_decref(caller.body);
    for (int i = 0; i < request.headers; i++)
        free(request.value[i]);
    free(request.body.text);
    free(request.out.text);
    return request.status;
}

/* The check reads the whole store, so it is made where something was taken. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    bool taken = false;

    if (!server.prefs)
        begin();
    for (int line = 0; n && line < LINES; line++) {
        const uint8_t *const end = memchr(bytes, '\n', n);
        const size_t length = end ? (size_t)(end - bytes) : n;
        if (length)
            taken |= post(bytes, length, NOW + 1000 * line) == 200;
        bytes += end ? length + 1 : length;
        n -= end ? length + 1 : length;
    }
    if (taken && prefs_check(server.prefs))
        abort();
    prefs_abandon(server.prefs);
    server.used = false;
    memset(server.left, 0, sizeof server.left);
    return 0;
}
