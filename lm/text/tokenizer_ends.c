/* How it works: byte-level tokens are their text's bytes, so their lengths add up. SentencePiece's
 * are not quite: a blank stands before a text that has none, and added tokens swallow white space
 * around them. The tokens' bytes are laid along the text; a blank at a token's beginning may be
 * missing in the text, white space in the text may be missing in the tokens. Anything else means
 * that the normalizer made another text of it, and then no place in it can be told. */

#include "lm/text/tokenizer.h"
#include "lm/text/tokenizer_parts.h"
#include "lm/text/utf8.h"

#include <string.h>

static bool begins(const char *text, size_t n, const char *piece, size_t m)
{
    return n >= m && !memcmp(text, piece, m);
}

/* Where a piece ends in text[at..n), or SIZE_MAX. */
static size_t lay(const char *text, size_t n, size_t at, const char *piece, size_t m)
{
    uint32_t cp;
    size_t bytes;

    for (;;) {
        if (begins(text + at, n - at, piece, m))
            return at + m;
        if (m && piece[0] == ' ' && begins(text + at, n - at, piece + 1, m - 1))
            return at + m - 1;
        if (at == n || !utf8_next(text + at, n - at, &cp, &bytes) || !utf8_space(cp))
            return SIZE_MAX;
        at += bytes;
    }
}

enum err tokenizer_ends(const struct tokenizer *tokenizer, const char *text, size_t n,
                        const int *ids, size_t count, size_t *end)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        size_t m;
        const char *piece = tokenizer_piece(tokenizer, ids[i], &m);

        if (tokenizer->level)
            at += m;
        else
            at = lay(text, n, at, piece, m);
        if (at == SIZE_MAX)
            return err_set(
                ERR_RANGE,
                "token %zu (\"%.*s\") does not stand in the text it was made from: the "
                "tokenizer's normalizer changes this text, and where its tokens end "
                "cannot be told",
                i, m < 40 ? (int)m : 40, piece);
        end[i] = at;
    }
    return OK;
}
