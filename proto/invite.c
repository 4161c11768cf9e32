/* The line's inside is text, a part a line, so that a later kind of ticket may have more parts:
 * what is not known is passed over. Keys are Z85 there as everywhere. The checksum is against
 * what mail and terminals do to long lines. */

#include "proto/invite.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proto/address.h"
#include "proto/role.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static const char prefix[] = "drover1:";

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING, SUM = 8 };

enum err invite_write(char **out, const struct invite *invite)
{
    struct strbuf text = {NULL, 0, 0};
    struct address_list unused;
    size_t n;

    for (int i = 0; i < invite->n_broker; i++) {
        const enum err err = address_read(&unused, invite->broker[i], 0);

        if (err) {
            free(text.text);
            return err;
        }
        strbuf_print(&text, "broker %s\n", invite->broker[i]);
    }
    strbuf_print(&text, "server %s\n", invite->keys.server_key);
    if (*invite->keys.next_key)
        strbuf_print(&text, "next %s\n", invite->keys.next_key);
    strbuf_print(&text, "secret %s\nrole %s\nexpires %lld\n", invite->keys.secret_key,
                 role_name(invite->keys.role), (long long)invite->expires_s);
    strbuf_print(&text, "%08x", hash_crc32c(0, text.text, text.n));
    n = sizeof prefix - 1 + sodium_base64_encoded_len(text.n, VARIANT);
    *out = mem_new(n, 1);
    memcpy(*out, prefix, sizeof prefix - 1);
    sodium_bin2base64(*out + sizeof prefix - 1, n - sizeof prefix + 1,
                      (const uint8_t *)text.text, text.n, VARIANT);
    sodium_memzero(text.text, text.n);
    free(text.text);
    return OK;
}

/* ---- reading */

/* Forty letters, and such as are a key: others would only fail later, at the handshake. */
static bool take_key(char out[CURVE_TEXT], const char *text)
{
    uint8_t key[32];

    snprintf(out, CURVE_TEXT, "%s", text);
    return strlen(text) == CURVE_TEXT - 1 && zmq_z85_decode(key, out);
}

/* One part: a word, a space, the rest of the line. False: it cannot be meant. */
static bool take_part(struct invite *out, const char *word, const char *value)
{
    char *end;

    if (!strcmp(word, "broker")) {
        if (out->n_broker == INVITE_BROKERS || strlen(value) >= INVITE_ADDRESS)
            return false;
        memcpy(out->broker[out->n_broker++], value, strlen(value) + 1);
        return true;
    }
    if (!strcmp(word, "server"))
        return take_key(out->keys.server_key, value);
    if (!strcmp(word, "next"))
        return take_key(out->keys.next_key, value);
    if (!strcmp(word, "secret"))
        return take_key(out->keys.secret_key, value);
    if (!strcmp(word, "role"))
        return !role_find(&out->keys.role, value);
    if (!strcmp(word, "expires")) {
        out->expires_s = strtoll(value, &end, 10);
        return *value && !*end && out->expires_s >= 0;
    }
    return true;
}

/* Every part that a ticket must have, once all are read: the public key follows from the secret,
 * so that no line can name another's. */
static bool take_parts(struct invite *out, char *text)
{
    for (char *line = text, *next; *line; line = next) {
        char *space;

        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = 0;
        space = strchr(line, ' ');
        if (!space)
            return false;
        *space = 0;
        if (!take_part(out, line, space + 1))
            return false;
    }
    return out->n_broker && *out->keys.server_key && *out->keys.secret_key && out->keys.role &&
           !zmq_curve_public(out->keys.public_key, out->keys.secret_key);
}

/* The checksum is cut off, so that what is left are the parts. */
static bool sum_fits(char *text, size_t n)
{
    char sum[SUM + 1];

    if (n < SUM)
        return false;
    snprintf(sum, sizeof sum, "%08x", hash_crc32c(0, text, n - SUM));
    if (memcmp(sum, text + n - SUM, SUM) != 0)
        return false;
    text[n - SUM] = 0;
    return true;
}

enum err invite_read(struct invite *out, const char *text)
{
    char inside[INVITE_TEXT];
    size_t n = 0, length;
    bool good;

    memset(out, 0, sizeof *out);
    text += strspn(text, " \t\r\n");
    length = strcspn(text, " \t\r\n");
    if (strncmp(text, prefix, sizeof prefix - 1))
        return err_set(ERR_PARSE,
                       "not a ticket: `drover keys ticket` makes one, a line that "
                       "begins with %s",
                       prefix);
    good = !text[length + strspn(text + length, " \t\r\n")] && length < INVITE_TEXT &&
           !sodium_base642bin((uint8_t *)inside, sizeof inside - 1, text + sizeof prefix - 1,
                              length - sizeof prefix + 1, NULL, &n, NULL, VARIANT);
    inside[n] = 0;
    good = good && sum_fits(inside, n) && take_parts(out, inside);
    sodium_memzero(inside, sizeof inside);
    if (good)
        return OK;
    invite_wipe(out);
    return err_set(ERR_PARSE, "this ticket is not whole: was a part of its line lost?");
}

void invite_wipe(struct invite *invite)
{
    sodium_memzero(invite, sizeof *invite);
}

void invite_addresses(char out[INVITE_ADDRESSES], const struct invite *invite,
                      const char *first)
{
    size_t n = (size_t)snprintf(out, INVITE_ADDRESS, "%s", first);

    for (int i = 0; i < invite->n_broker; i++)
        if (strcmp(invite->broker[i], first) != 0 && n < INVITE_ADDRESSES)
            n += (size_t)snprintf(out + n, INVITE_ADDRESSES - n, n ? ",%s" : "%s",
                                  invite->broker[i]);
}

enum err invite_load(struct invite *out, const char *file)
{
    const char *const variable = getenv(INVITE_VARIABLE);
    char *text = NULL;
    size_t n;
    enum err err;

    if (!*file && (!variable || !*variable))
        return err_set(
            ERR_STATE,
            "no ticket: give its file (\"-\": standard input) or set " INVITE_VARIABLE);
    if (!*file) {
        err = invite_read(out, variable);
        unsetenv(INVITE_VARIABLE);
        return err ? err_add(INVITE_VARIABLE) : OK;
    }
    err = fs_read(&text, &n, strcmp(file, "-") ? file : "/dev/stdin", INVITE_TEXT);
    if (err)
        return err;
    err = invite_read(out, text);
    sodium_memzero(text, n);
    free(text);
    return err ? err_add("%s", file) : OK;
}
