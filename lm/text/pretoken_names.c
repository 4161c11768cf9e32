/* How it works: a table of patterns; a name is a row of names, and up to five patterns that cut
 * one after another, then ByteLevel. Patterns are those of the models' own tokenizer.json, which
 * llama.cpp's rows of the same names stand for. Names whose pattern the regex reader cannot say
 * as Oniguruma would (kimi-k2's intersections of classes, word borders) are refused. */

#include "lm/text/pretoken_names.h"

#include <string.h>

/* meta-llama/llama3 tokenizer.py; Qwen2's tokenizer.json. */
#define MODERN(number) \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" number \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Words of small letters behind capitals: GPT-4o's and Tekken's. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(ending, number) \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" ending "|[^\\r\\n\\p{L}\\p{N}]?" UPPER \
    "+" LOWER "*" ending "|" number \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SHORTENED "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

/* Qwen3.5's: marks belong to the letters before them. */
#define MARKED \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}" \
    "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

#define DEEPSEEK3 \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?" \
    "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BLOOM " ?[^(\\s|.,!?…。，、।۔،)]+"

enum pretoken_flag { F_NFC = 1, F_WHOLE = 2, F_BOS = 4, F_GPT2 = 8, F_DIGITS = 16 };

/* F_GPT2: ByteLevel itself cuts by GPT-2's pattern; F_DIGITS: a Digits before it. */
static const struct {
    const char *names; /* with a blank before and behind each */
    const char *pattern[5];
    unsigned flags;
} row[] = {
    {" gpt-2 gpt2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code "
     "roberta-bpe gigachat a.x-4.0 mellum mpt olmo jais trillion granite-docling exaone4 ",
     {0},
     F_GPT2},
    {" smollm starcoder refact command-r codeshell exaone minerva-7b ", {0}, F_GPT2 | F_DIGITS},
    {" qwen2 ", {MODERN("\\p{N}")}, F_NFC},
    {" qwen35 ", {MARKED}, 0},
    {" deepseek-r1-qwen megrez kormo stablelm2 hunyuan grok-2 ", {MODERN("\\p{N}")}, 0},
    {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     {MODERN("\\p{N}{1,3}")},
     F_WHOLE | F_BOS},
    {" dbrx smaug-bpe glm4 chatglm-bpe ", {MODERN("\\p{N}{1,3}")}, 0},
    {" gpt-4o llama4 minimax-m2 ", {CASED(SHORTENED, "\\p{N}{1,3}")}, 0},
    {" tekken ", {CASED("", "\\p{N}")}, F_WHOLE | F_BOS},
    {" deepseek-v3 hunyuan-dense ", {"\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3}, 0},
    {" deepseek-coder ",
     {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+", "\\p{N}"},
     0},
    {" falcon ", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", PRETOKEN_GPT2, "[0-9][0-9][0-9]"}, 0},
    {" default ",
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", PRETOKEN_GPT2, "\\p{N}+", "[0-9][0-9][0-9]"},
     0},
    {" bloom poro-chat gpt3-finnish ", {BLOOM}, 0},
    {" viking ", {BLOOM, "\\p{N}"}, 0},
    {" superbpe ", {"\\p{N}+", "(?=(\\d{3})+(?!\\d))"}, 0},
    {" seed-coder ",
     {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
      "?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
     0},
};

static json_t *byte_level(bool use_regex, bool spaced)
{
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", spaced,
                     "trim_offsets", 1, "use_regex", use_regex);
}

/* Names stand in one text a row, so that a new one is a word: it is sought with its blanks, for
 * "gpt-2" is the beginning of others. */
static int row_of(const char *name)
{
    char framed[66] = " ";
    const size_t n = strlen(name);

    if (!n || n > 63 || strchr(name, ' '))
        return -1;
    memcpy(framed + 1, name, n);
    framed[n + 1] = ' ';
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (strstr(row[i].names, framed))
            return (int)i;
    return -1;
}

/* A name's row as the JSON that its model's tokenizer.json has: a lone ByteLevel where it cuts by
 * itself, else a Sequence that ends with one. */
static void made(struct pretoken_name *out, int i, bool spaced)
{
    json_t *level = byte_level((row[i].flags & F_GPT2) != 0, spaced);
    json_t *list = json_array();

    out->nfc = (row[i].flags & F_NFC) != 0;
    out->ignore_merges = (row[i].flags & F_WHOLE) != 0;
    if (row[i].flags & F_DIGITS)
        json_array_append_new(
            list, json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", 1));
    for (int k = 0; k < 5 && row[i].pattern[k]; k++)
        json_array_append_new(list, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split",
                                              "pattern", "Regex", row[i].pattern[k], "behavior",
                                              "Isolated", "invert", 0));
    if (!json_array_size(list)) {
        json_decref(list);
        out->pre_tokenizer = level;
        return;
    }
    json_array_append_new(list, level);
    out->pre_tokenizer = json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", list);
}

enum err pretoken_names_find(struct pretoken_name *out, const char *pre)
{
    const int i = row_of(pre && *pre ? pre : "gpt-2");

    memset(out, 0, sizeof *out);
    if (i < 0)
        return err_set(
            ERR_RANGE,
            "tokenizer.ggml.pre \"%.64s\" is not supported (gpt-2, smollm, qwen2, "
            "qwen35, llama-bpe, gpt-4o, tekken, deepseek-v3, deepseek-coder, falcon, bloom, "
            "viking, superbpe, seed-coder, default and their kin are)",
            pre);
    made(out, i, false);
    return OK;
}

enum err pretoken_names_class(struct pretoken_name *out, const char *name, bool spaced)
{
    static const struct {
        const char *name, *row;
    } class[] = {{"GPT2Tokenizer", "gpt-2"},        {"GPT2TokenizerFast", "gpt-2"},
                 {"CodeGenTokenizer", "gpt-2"},     {"CodeGenTokenizerFast", "gpt-2"},
                 {"GPTNeoXTokenizerFast", "gpt-2"}, {"Qwen2Tokenizer", "qwen2"},
                 {"Qwen2TokenizerFast", "qwen2"}};

    memset(out, 0, sizeof *out);
    for (size_t i = 0; name && i < sizeof class / sizeof *class; i++)
        if (!strcmp(name, class[i].name)) {
            made(out, row_of(class[i].row), spaced);
            return OK;
        }
    return err_set(
        ERR_RANGE,
        "tokenizer_class %.64s with vocab.json and merges.txt is not supported "
        "(GPT2Tokenizer, CodeGenTokenizer and Qwen2Tokenizer are; transformers makes "
        "a tokenizer.json of any: AutoTokenizer.from_pretrained(DIR)"
        ".save_pretrained(DIR))",
        name ? name : "of no name");
}

bool pretoken_names_bos(const char *pre)
{
    const int i = pre ? row_of(pre) : -1;

    return i >= 0 && (row[i].flags & F_BOS);
}
