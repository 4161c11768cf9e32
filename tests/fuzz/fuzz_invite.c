/* What comes from outside before any key counts: the line of a ticket, the lines of a certificate,
 * the words of who lets in.
 *
 * Input: a byte of how, then text. 0: as a ticket's line. 1: as what such a line holds, behind a
 * mended checksum. 2: as a certificate. 3: as the result of an admission. What is taken is within its
 * bounds, and a ticket that was read is written and read again as the same. */

#include "base/hash.h"
#include "base/mem.h"
#include "proto/invite.h"
#include "proto/zpl.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FORMS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool so)
{
    if (!so)
        abort();
}

static void read_line(const char *line)
{
    struct invite one, two;
    char *again;

    if (invite_read(&one, line))
        return;
    must(one.n_broker >= 1 && one.n_broker <= INVITE_BROKERS && one.expires_s >= 0);
    if (invite_write(&again, &one)) /* an address that nobody writes */
        return;
    must(!invite_read(&two, again) && two.n_broker == one.n_broker &&
         !strcmp(two.keys.public_key, one.keys.public_key) && two.expires_s == one.expires_s);
    free(again);
}

/* As invite_write would. */
static void read_parts(const char *text)
{
    char *whole = mem_print("%s%08x", text, hash_crc32c(0, text, strlen(text)));
    const size_t n = strlen(whole);
    const size_t room = sodium_base64_encoded_len(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *line = mem_new(room, 1), *prefixed;

    sodium_bin2base64(line, room, (const uint8_t *)whole, n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    prefixed = mem_print("drover1:%s", line);
    read_line(prefixed);
    free(prefixed);
    free(line);
    free(whole);
}

static void read_certificate(const char *text)
{
    static const char *const names[] = {"public-key", "role", "uses", "metadata", ""};
    char *value = mem_new(8, 1);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const int64_t number = zpl_number(text, names[i], -1);

        must(zpl_text(value, 8, text, names[i]) || !*value);
        must(strlen(value) < 8 && !strpbrk(value, "\"\n"));
        must(number >= -1 && number < INT64_C(1) << 53);
    }
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct curve_keys keys;
    char *text;

    if (!n)
        return 0;
    text = mem_new(n, 1);
    memcpy(text, bytes + 1, n - 1);
    if (bytes[0] % FORMS == 0) {
        read_line(text);
    } else if (bytes[0] % FORMS == 1) {
        read_parts(text);
    } else if (bytes[0] % FORMS == 2) {
        read_certificate(text);
    } else {
        invite_accept_answer(&keys, text);
        must(strlen(keys.name) < sizeof keys.name);
    }
    free(text);
    return 0;
}
