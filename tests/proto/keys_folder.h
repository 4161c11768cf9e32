/* keys_folder: a keys folder of a test's own. */

#ifndef TESTS_PROTO_KEYS_FOLDER_H
#define TESTS_PROTO_KEYS_FOLDER_H

#include "tests/support/test.h"

#include "proto/registrar.h"

enum { NOW = 1000000 };

struct keys_folder {
    char root[64], path[96];
    struct keyring *ring;
    struct registrar *registrar;
};

/* For cmocka's setup and teardown; *state is the folder. */
int keys_folder_open(void **state);
int keys_folder_close(void **state);

void keys_folder_load(struct curve_keys *out, const struct keys_folder *f, const char *name);
/* True: something changed. */
bool keys_folder_look(struct keys_folder *f, int64_t now_s);
const struct keyring_entry *keys_folder_find(struct keys_folder *f, const char *key);
bool keys_folder_has(const struct keys_folder *f, const char *name);
/* By a ticket, or as a host's supervisor an actor; `name`: what the folder calls it. */
enum err keys_folder_admit(struct keys_folder *f, const struct curve_keys *by, const char *key,
                           char name[CURVE_NAME]);
/* The same of one that says to be on that host. */
enum err keys_folder_admit_at(struct keys_folder *f, const struct curve_keys *by,
                              const char *key, const char *host, char name[CURVE_NAME]);

#endif
