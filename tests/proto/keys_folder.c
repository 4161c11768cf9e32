/* In the test's scratch folder, which goes with all that is in it. */

#include "tests/proto/keys_folder.h"

#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int keys_folder_open(void **state)
{
    struct keys_folder *f = calloc(1, sizeof *f);

    assert_int_equal(0, scratch_open(state));
    snprintf(f->root, sizeof f->root, "%s", scratch_at("."));
    snprintf(f->path, sizeof f->path, "%s/keys", f->root);
    assert_ok(registrar_create(f->path, NOW));
    assert_ok(keyring_open(&f->ring, f->path, NOW));
    registrar_admit_new(&f->registrar, f->path);
    *state = f;
    return 0;
}

int keys_folder_close(void **state)
{
    struct keys_folder *f = *state;

    keyring_close(f->ring);
    registrar_admit_free(f->registrar);
    free(f);
    return scratch_close(state);
}

void keys_folder_load(struct curve_keys *out, const struct keys_folder *f, const char *name)
{
    char path[192];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_ok(curve_load(out, path));
}

bool keys_folder_look(struct keys_folder *f, int64_t now_s)
{
    bool changed;

    assert_ok(keyring_look(f->ring, now_s, &changed));
    return changed;
}

const struct keyring_entry *keys_folder_find(struct keys_folder *f, const char *key)
{
    struct hash hash;

    assert_ok(curve_key(&hash, key));
    return keyring_find(f->ring, &hash);
}

enum err keys_folder_admit(struct keys_folder *f, const struct curve_keys *by, const char *key,
                           char name[CURVE_NAME])
{
    return keys_folder_admit_at(f, by, key, "node7", name);
}

enum err keys_folder_admit_at(struct keys_folder *f, const struct curve_keys *by,
                              const char *key, const char *host, char name[CURVE_NAME])
{
    struct keyring_entry as = {.name = "node 7/../x", .role = ROLE_ACTOR};
    struct hash asker, guest;
    bool later;
    enum err err;

    snprintf(as.host, sizeof as.host, "%s", host);
    assert_ok(curve_key(&asker, by->public_key));
    assert_ok(curve_key(&guest, key));
    err = registrar_admit(&as, f->registrar, &asker, &guest, NOW, &later);
    assert_false(later);
    if (!err)
        snprintf(name, CURVE_NAME, "%s", as.name);
    return err;
}

bool keys_folder_has(const struct keys_folder *f, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return !access(path, F_OK);
}
