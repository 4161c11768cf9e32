/* A file an entry, as a certificate without a secret (ZPL). A new one is linked to its name, so
 * that of two who want it one hears of the other; a changed one is renamed over the old. */

#include "proto/keyring_file.h"

#include "base/fs.h"
#include "base/mem.h"
#include "proto/role.h"
#include "proto/zpl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 4096 };

const char *keyring_file_folder(bool is_ticket)
{
    return is_ticket ? "ticket" : "worker";
}

bool keyring_file_name(const char *name)
{
    static const char *const letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(name);

    if (n > 4 && !strcmp(name + n - 4, ".tmp")) /* of what is being written */
        return false;
    return n && n < CURVE_NAME && *name != '.' && *name != '-' && strspn(name, letters) == n;
}

void keyring_file_clean(char *out, size_t room, const char *text, const char *other)
{
    size_t n = 0;

    for (; *text && n + 1 < room; text++) {
        const char one[2] = {*text, 0}, two[3] = {'a', *text, 0};
        if (keyring_file_name(n ? two : one))
            out[n++] = *text;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    out[n] = 0;
    if (!n)
        snprintf(out, room, "%s", other);
}

static enum err parse(struct keyring_entry *out, const char *text, const char *path)
{
    char role[32], key[CURVE_TEXT];

    zpl_text(out->host, sizeof out->host, text, "host");
    zpl_text(out->ticket, sizeof out->ticket, text, "ticket");
    zpl_text(out->address, sizeof out->address, text, "address");
    out->made_s = zpl_number(text, "made", 0);
    out->expires_s = zpl_number(text, "expires", -1);
    out->revoked_s = zpl_number(text, "revoked", -1);
    out->uses = (uint32_t)zpl_number(text, "uses", 0);
    zpl_text(role, sizeof role, text, "role");
    zpl_text(key, sizeof key, text, "public-key");
    /* What is not said is not taken for "never": such a file lets nobody in. */
    if (out->expires_s < 0 || out->revoked_s < 0 || out->uses > KEYRING_USES)
        return err_set(ERR_PARSE, "%s: expires, revoked or uses is missing", path);
    if (role_find(&out->role, role) || curve_key(&out->key, key))
        return err_add("%s", path);
    return OK;
}

enum err keyring_file_read(struct keyring_entry *out, const char *folder, bool is_ticket,
                           const char *name)
{
    char *path = mem_print("%s/%s/%s", folder, keyring_file_folder(is_ticket), name);
    char *text = NULL;
    size_t n;
    enum err err = fs_read(&text, &n, path, FILE_MAX);

    memset(out, 0, sizeof *out);
    out->is_ticket = is_ticket;
    memcpy(out->name, name, strlen(name) + 1);
    if (!err)
        err = parse(out, text, path);
    free(text);
    free(path);
    return err;
}

static void print(struct strbuf *out, const struct keyring_entry *entry)
{
    char key[CURVE_TEXT];

    curve_text(key, &entry->key);
    strbuf_print(out, "metadata\n");
    zpl_put(out, "name", entry->name);
    zpl_put(out, "role", role_name(entry->role));
    zpl_put_number(out, "made", entry->made_s);
    zpl_put_number(out, "expires", entry->expires_s);
    zpl_put_number(out, "revoked", entry->revoked_s);
    if (entry->is_ticket)
        zpl_put_number(out, "uses", entry->uses);
    if (*entry->ticket) {
        zpl_put(out, "ticket", entry->ticket);
        zpl_put(out, "host", entry->host);
        zpl_put(out, "address", entry->address);
    }
    strbuf_print(out, "curve\n");
    zpl_put(out, "public-key", key);
}

/* Written beside it under a name that readers pass over, then linked. */
static enum err create(const char *path, const char *folder, const struct strbuf *text)
{
    char *made = mem_print("%s/.made", folder);
    enum err err = fs_write(made, text->text, text->n);

    if (!err && link(made, path))
        err = err_set(ERR_IO, "%s: %s", path,
                      errno == EEXIST ? "that name is taken" : strerror(errno));
    unlink(made);
    free(made);
    return err;
}

enum err keyring_file_write(const char *folder, const struct keyring_entry *entry, bool is_new)
{
    char *path =
        mem_print("%s/%s/%s", folder, keyring_file_folder(entry->is_ticket), entry->name);
    struct strbuf text = {NULL, 0, 0};
    enum err err;

    print(&text, entry);
    err = is_new ? create(path, folder, &text) : fs_write(path, text.text, text.n);
    free(text.text);
    free(path);
    return err;
}
