/* How it works: a SentencePiece model is a protobuf message (ModelProto of
 * sentencepiece_model.proto): pieces, and two messages of settings. It is walked field by field;
 * of each only its number and kind of wire are believed, and every length is held against what
 * is left. What is read becomes the lists of tokenizer_gguf, which has the same kinds of pieces.
 *
 * What transformers keeps beside the file (legacy, add_bos_token) is in tokenizer_config.json. */

#include "lm/text/tokenizer.h"

#include "base/mem.h"
#include "lm/text/tokenizer_parts.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 }; /* TrainerSpec.ModelType */

struct spm_wire {
    const unsigned char *at;
    size_t left;
};

/* A field: its number, and its value or bytes. */
struct spm_field {
    uint32_t number;
    unsigned kind;  /* of wire */
    uint64_t value; /* kinds 0, 1 and 5 */
    struct spm_wire bytes;
};

/* Seven bits a byte, the lowest first; a tenth byte that goes on is no number of 64 bits. */
static bool varint(struct spm_wire *wire, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && wire->left; shift += 7) {
        const unsigned char c = *wire->at++;

        wire->left--;
        *out |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

/* Little-endian, as all of the wire is. */
static bool fixed(struct spm_wire *wire, unsigned bytes, uint64_t *out)
{
    *out = 0;
    if (wire->left < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *out |= (uint64_t)*wire->at++ << 8 * i;
    wire->left -= bytes;
    return true;
}

/* Errors: ERR_PARSE. Groups (kinds 3 and 4) are not used by anybody. */
static enum err next(struct spm_wire *wire, struct spm_field *out)
{
    uint64_t tag, n;
    bool good = varint(wire, &tag) && tag >> 3 && tag >> 3 <= UINT32_MAX;

    memset(out, 0, sizeof *out);
    if (good) {
        out->number = (uint32_t)(tag >> 3);
        out->kind = tag & 7;
        if (out->kind == 0) {
            good = varint(wire, &out->value);
        } else if (out->kind == 1 || out->kind == 5) {
            good = fixed(wire, out->kind == 1 ? 8 : 4, &out->value);
        } else if (out->kind == 2 && varint(wire, &n) && n <= wire->left) {
            out->bytes = (struct spm_wire){wire->at, (size_t)n};
            wire->at += n;
            wire->left -= (size_t)n;
        } else {
            good = false;
        }
    }
    return good ? OK : err_set(ERR_PARSE, "not a SentencePiece model: a field is broken");
}

/* What is gathered. */
struct spm {
    struct tokenizer_gguf parts;
    char **token;
    int32_t *type;
    float *score;
    size_t room;
    uint64_t model;
    bool unescaped, suffix;
};

/* A piece of which nothing has been read yet. */
struct spm_piece {
    char *text;
    float score;
    uint64_t type;
};

/* 1 is the text, 2 the score (a float by its bits), 3 the type; others are of later versions and
 * change no id. A field that comes twice counts as it came last, which is protobuf's rule. */
static enum err piece_field(struct spm_piece *piece, const struct spm_field *field)
{
    const uint32_t bits = (uint32_t)field->value;

    if (field->number == 2 && field->kind == 5)
        memcpy(&piece->score, &bits, sizeof bits);
    else if (field->number == 3 && field->kind == 0)
        piece->type = field->value;
    if (field->number != 1 || field->kind != 2)
        return OK;
    free(piece->text);
    piece->text = mem_new(field->bytes.left + 1, 1);
    memcpy(piece->text, field->bytes.at, field->bytes.left);
    return strlen(piece->text) == field->bytes.left ? OK : err_set(ERR_PARSE, "a zero byte");
}

/* The lists grow together: pieces are as many as the file has bytes for, at most. */
static void keep(struct spm *spm, const struct spm_piece *piece)
{
    const size_t i = spm->parts.tokens++;

    if (i == spm->room) {
        spm->room = 2 * spm->room + 1024;
        spm->token = mem_grow(spm->token, spm->room, sizeof *spm->token);
        spm->type = mem_grow(spm->type, spm->room, sizeof *spm->type);
        spm->score = mem_grow(spm->score, spm->room, sizeof *spm->score);
    }
    spm->token[i] = piece->text;
    spm->type[i] = (int32_t)piece->type;
    spm->score[i] = piece->score;
}

static enum err read_piece(struct spm *spm, struct spm_wire wire)
{
    struct spm_piece piece = {NULL, 0, 1};
    struct spm_field field;
    enum err err = OK;

    while (wire.left && !err) {
        err = next(&wire, &field);
        if (!err)
            err = piece_field(&piece, &field);
    }
    if (!err && (!piece.text || piece.type < 1 || piece.type > 6 ||
                 spm->parts.tokens == VOCAB_TOKENS_MAX))
        err = err_set(ERR_PARSE, "no text, an unknown type, or too many");
    if (err) {
        free(piece.text);
        return err_add("piece %zu", spm->parts.tokens);
    }
    keep(spm, &piece);
    return OK;
}

/* Of the trainer's settings three say what a text becomes: 3 which model it is, 24 whether blanks
 * stand behind words, 41 the id of <s>. The rest is how it was trained. */
static enum err trainer(struct spm *spm, struct spm_wire wire)
{
    struct spm_field field;
    enum err err = OK;

    while (wire.left && !err) {
        err = next(&wire, &field);
        if (err || field.kind != 0)
            continue;
        if (field.number == 3)
            spm->model = field.value;
        else if (field.number == 24)
            spm->suffix = field.value != 0;
        else if (field.number == 41)
            spm->parts.bos = field.value <= INT32_MAX ? (int)field.value : -1;
    }
    return err;
}

/* NormalizerSpec: 2 the charsmap, borrowed from the file's bytes, which outlive the reading; 3
 * whether a text begins with a blank, 4 whether many blanks are one, 5 whether a blank becomes
 * the mark. */
static enum err spec(struct spm *spm, struct spm_wire wire)
{
    struct spm_field field;
    enum err err = OK;

    while (wire.left && !err) {
        err = next(&wire, &field);
        if (err)
            break;
        if (field.number == 2 && field.kind == 2) {
            spm->parts.charsmap = (const char *)field.bytes.at;
            spm->parts.charsmap_bytes = field.bytes.left;
        } else if (field.number == 3 && field.kind == 0) {
            spm->parts.spaced = field.value != 0;
        } else if (field.number == 4 && field.kind == 0) {
            spm->parts.squeezed = field.value != 0;
        } else if (field.number == 5 && field.kind == 0) {
            spm->unescaped = field.value == 0;
        }
    }
    return err;
}

/* The pieces come in the order of their ids; what else a file holds (self tests, the denormalizer)
 * is passed over. Two settings that would change every text are refused by name. */
static enum err read_model(struct spm *spm, struct spm_wire wire)
{
    struct spm_field field;
    enum err err = OK;

    while (wire.left && !err) {
        err = next(&wire, &field);
        if (err || field.kind != 2)
            continue;
        if (field.number == 1)
            err = read_piece(spm, field.bytes);
        else if (field.number == 2)
            err = trainer(spm, field.bytes);
        else if (field.number == 3)
            err = spec(spm, field.bytes);
    }
    if (err)
        return err;
    if (spm->model != MODEL_UNIGRAM && spm->model != MODEL_BPE)
        return err_set(ERR_RANGE,
                       "SentencePiece's model_type %llu is not supported (1, unigram, and 2, "
                       "bpe, are)",
                       (unsigned long long)spm->model);
    if (spm->suffix || spm->unescaped)
        return err_set(ERR_RANGE, "SentencePiece's %s is not supported",
                       spm->suffix ? "treat_whitespace_as_suffix" : "escape_whitespaces=false");
    spm->parts.model = spm->model == MODEL_BPE ? "llama" : "t5";
    return OK;
}

static bool flag(const json_t *config, const char *key, bool fallback)
{
    const json_t *value = json_object_get(config, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* Llama's and its kin's settings; legacy is what their files of old mean when they say nothing.
 */
static void read_config(struct spm *spm, const json_t *config)
{
    struct tokenizer_gguf *parts = &spm->parts;

    parts->isolated = true;
    parts->once = !flag(config, "legacy", true);
    parts->spaced = parts->spaced && flag(config, "add_prefix_space", true);
    parts->add_bos = parts->bos >= 0 && (size_t)parts->bos < parts->tokens &&
                     flag(config, "add_bos_token", spm->model == MODEL_BPE);
}

enum err tokenizer_spm(struct tokenizer **out, const char *bytes, size_t n,
                       const json_t *config, const char *name)
{
    /* proto2's defaults, where the file says nothing. */
    struct spm spm = {.model = MODEL_UNIGRAM,
                      .parts = {.bos = 1, .spaced = true, .squeezed = true}};
    enum err err;

    *out = NULL;
    err = n > TOKENIZER_TEXT_MAX
              ? err_set(ERR_RANGE, "%zu bytes, at most %d", n, TOKENIZER_TEXT_MAX)
              : read_model(&spm, (struct spm_wire){(const unsigned char *)bytes, n});
    if (err) {
        err = err_add("%s", name);
    } else {
        read_config(&spm, config);
        spm.parts.token = (const char *const *)spm.token;
        spm.parts.type = spm.type;
        spm.parts.score = spm.score;
        err = tokenizer_gguf(out, &spm.parts, name);
    }
    for (size_t i = 0; i < spm.parts.tokens; i++)
        free(spm.token[i]);
    free(spm.token);
    free(spm.type);
    free(spm.score);
    return err;
}
