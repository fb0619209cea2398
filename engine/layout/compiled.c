/* The functions of reference.py in C, byte for byte (tests/engine/test_layout.py holds both together). No I/O, no cryptography of
 * its own: only bytes laid out in place, where Python would make an object for every part. What has no simple layout (text that
 * needs escapes, an integer beyond 64 bits) is left to the reference: these functions then call it.
 */
#include "buffer.h"

#include <dlfcn.h>

PyDoc_STRVAR(flat_object_doc, "flat_object(plan, otherwise, value) -> canonical bytes; plan: (kind, attribute, b'\"key\":') in order of keys");

static PyObject *flat_object(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 3 || !PyTuple_Check(given[0])) {
        PyErr_SetString(PyExc_TypeError, "flat_object(plan, otherwise, value)");
        return NULL;
    }
    PyObject *plan = given[0], *value = given[2], *made = NULL;
    Buffer b;
    start(&b);
    int done = PUT(&b, "{");
    for (Py_ssize_t i = 0; !done && i < PyTuple_GET_SIZE(plan); i++) {
        PyObject *step = PyTuple_GET_ITEM(plan, i), *key = PyTuple_GET_ITEM(step, 2);
        if (i) done = PUT(&b, ",");
        if (!done) done = put(&b, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key));
        PyObject *name = PyTuple_GET_ITEM(step, 1);
        PyObject *part = done ? NULL : attribute(value, slot_of(Py_TYPE(value), name), name);
        if (part == NULL) {
            done = -1;
            break;
        }
        done = put_field(&b, part, PyLong_AsLong(PyTuple_GET_ITEM(step, 0)));
        Py_DECREF(part);
    }
    if (!done) done = PUT(&b, "}");
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    return done == 1 ? PyObject_CallOneArg(given[1], value) : made;
}

PyDoc_STRVAR(content_bytes_doc, "content_bytes(tag, salt, body, shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, "
                                "command_id, request_digest, actor) -> what the content digest covers");

static PyObject *by_reference(const char *name, PyObject *const *given, Py_ssize_t count) {
    PyObject *reference = PyImport_ImportModule("engine.layout.reference"), *made = NULL;
    PyObject *function = reference == NULL ? NULL : PyObject_GetAttrString(reference, name);
    if (function != NULL) made = PyObject_Vectorcall(function, given, (size_t)count, NULL);
    Py_XDECREF(function);
    Py_XDECREF(reference);
    return made;
}

static PyObject *content_bytes(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 15 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1]) || !PyBytes_Check(given[2]) || !PyUnicode_Check(given[6]) ||
        !PyUnicode_Check(given[8]) || !PyUnicode_Check(given[14])) {
        PyErr_SetString(PyExc_TypeError, "content_bytes() takes a tag, a salt, a body and the twelve columns of a header");
        return NULL;
    }
    PyObject *made = NULL;
    Buffer b;
    start(&b);
    int done = put(&b, PyBytes_AS_STRING(given[0]), PyBytes_GET_SIZE(given[0]));
    if (!done) done = put(&b, PyBytes_AS_STRING(given[1]), PyBytes_GET_SIZE(given[1]));
    Py_ssize_t length_at = b.size;
    if (!done) done = PUT(&b, "\0\0\0\0");
#define FIELD(key, write) \
    if (!done) done = PUT(&b, key); \
    if (!done) done = write;
    FIELD("{\"actor\":", put_text(&b, given[14]))
    FIELD(",\"arrived_at_us\":", put_plain(&b, given[11]))
    FIELD(",\"at_us\":", put_digits(&b, given[10]))
    FIELD(",\"command_id\":", put_hex(&b, given[12]))
    FIELD(",\"epoch\":", put_digits(&b, given[5]))
    FIELD(",\"request_digest\":", put_hex(&b, given[13]))
    FIELD(",\"seq\":", put_digits(&b, given[4]))
    FIELD(",\"shard\":", put_digits(&b, given[3]))
    FIELD(",\"stream\":", put_text(&b, given[6]))
    FIELD(",\"stream_seq\":", put_digits(&b, given[7]))
    FIELD(",\"type\":", put_text(&b, given[8]))
    FIELD(",\"version\":", put_digits(&b, given[9]))
#undef FIELD
    if (!done) done = PUT(&b, "}");
    if (!done) {
        big_endian(b.bytes + length_at, (uint64_t)(b.size - length_at - 4), 4);
        done = put(&b, PyBytes_AS_STRING(given[2]), PyBytes_GET_SIZE(given[2]));
    }
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    return done == 1 ? by_reference("content_bytes", given, count) : made;
}

/* SHA-256 as OpenSSL has it: of the library that hashlib has loaded, or by way of hashlib where it is not to be found. */
typedef int (*Init)(void *);
typedef int (*Update)(void *, const void *, size_t);
typedef int (*Final)(unsigned char *, void *);
static Init sha_init;
static Update sha_update;
static Final sha_final;
static PyObject *hashlib_sha256;

static int find_sha256(PyObject *module) {
    static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1"};
    PyObject *hashlib = PyImport_ImportModule("hashlib");
    if (hashlib == NULL) return -1;
    Py_XSETREF(hashlib_sha256, PyObject_GetAttrString(hashlib, "sha256"));
    Py_DECREF(hashlib);
    if (hashlib_sha256 == NULL) return -1;
    const char *by_hashlib = getenv("ORTOO_SHA256_BY_HASHLIB"); /* for the test of this way */
    for (int i = 0; i < 2 && sha_final == NULL && by_hashlib == NULL; i++) {
        void *library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
        if (library == NULL) continue;
        sha_init = (Init)dlsym(library, "SHA256_Init");
        sha_update = (Update)dlsym(library, "SHA256_Update");
        if (sha_init != NULL && sha_update != NULL) sha_final = (Final)dlsym(library, "SHA256_Final");
    }
    return PyModule_AddIntConstant(module, "DIRECT_SHA256", sha_final != NULL);
}

static PyObject *hashed(const char *bytes, Py_ssize_t size) {
    if (sha_final != NULL) {
        unsigned long long context[64]; /* SHA256_CTX has 112 bytes */
        unsigned char digest[32];
        if (sha_init(context) == 1 && sha_update(context, bytes, (size_t)size) == 1 && sha_final(digest, context) == 1)
            return PyBytes_FromStringAndSize((const char *)digest, sizeof digest);
    }
    PyObject *hash = PyObject_CallFunction(hashlib_sha256, "y#", bytes, size);
    PyObject *digest = hash == NULL ? NULL : PyObject_CallMethod(hash, "digest", NULL);
    Py_XDECREF(hash);
    return digest;
}

PyDoc_STRVAR(sha256_of_doc, "sha256_of(tag, content) -> SHA-256 of a tag and what follows it");

static PyObject *sha256_of(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 2 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "sha256_of() takes a tag and a content");
        return NULL;
    }
    PyObject *digest = NULL;
    Buffer b;
    start(&b);
    int done = put(&b, PyBytes_AS_STRING(given[0]), PyBytes_GET_SIZE(given[0]));
    if (!done) done = put(&b, PyBytes_AS_STRING(given[1]), PyBytes_GET_SIZE(given[1]));
    if (!done) digest = hashed(b.bytes, b.size);
    finish(&b);
    return digest;
}

PyDoc_STRVAR(seal_doc, "seal(make, content_tag, chain_tag, shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, "
                       "command_id, request_digest, actor, body, salt, previous, entry_id) -> make(columns, content, digest, entry_id)");

static PyObject *seal(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 19 || !PyBytes_Check(given[2]) || !PyBytes_Check(given[17])) {
        PyErr_SetString(PyExc_TypeError, "seal() takes a class, two tags, twelve columns, a body, a salt, a digest and an entry");
        return NULL;
    }
    PyObject *said[15] = {given[1], given[16], given[15]}, *fields[17], *record = NULL;
    memcpy(said + 3, given + 3, 12 * sizeof *given);
    PyObject *covered = content_bytes(self, said, 15), *digest = NULL;
    PyObject *content = covered == NULL ? NULL : hashed(PyBytes_AS_STRING(covered), PyBytes_GET_SIZE(covered));
    if (content != NULL) {
        Buffer b;
        start(&b);
        int done = put(&b, PyBytes_AS_STRING(given[2]), PyBytes_GET_SIZE(given[2]));
        if (!done) done = put(&b, PyBytes_AS_STRING(given[17]), PyBytes_GET_SIZE(given[17]));
        if (!done) done = put(&b, PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content));
        if (!done) digest = hashed(b.bytes, b.size);
        finish(&b);
    }
    if (digest != NULL) {
        memcpy(fields, given + 3, 14 * sizeof *given);
        fields[14] = content;
        fields[15] = digest;
        fields[16] = given[18];
        record = PyObject_Vectorcall(given[0], fields, 17, NULL);
    }
    Py_XDECREF(covered);
    Py_XDECREF(content);
    Py_XDECREF(digest);
    return record;
}

static int put_number(Buffer *b, PyObject *value, int size) {
    long long number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (size == 2 && (number < -32768 || number > 32767)) {
        PyErr_SetString(PyExc_OverflowError, "not a smallint");
        return -1;
    }
    char *at = grow(b, 4 + size);
    if (at == NULL) return -1;
    big_endian(at, (uint64_t)size, 4);
    big_endian(at + 4, (uint64_t)number, size);
    return 0;
}

static int put_cell(Buffer *b, PyObject *value, Py_UCS4 kind) {
    const char *from;
    Py_ssize_t size;
    if (value == Py_None) return PUT(b, "\377\377\377\377");
    if (kind == 'h' || kind == 'q') return put_number(b, value, kind == 'h' ? 2 : 8);
    if (kind == 't') {
        from = PyUnicode_AsUTF8AndSize(value, &size);
        if (from == NULL) return -1;
    } else {
        char *bytes;
        if (PyBytes_AsStringAndSize(value, &bytes, &size)) return -1;
        from = bytes;
    }
    char *at = grow(b, 4 + size);
    if (at == NULL) return -1;
    big_endian(at, (uint64_t)size, 4);
    memcpy(at + 4, from, size);
    return 0;
}

static PyObject *const *row_names(void) {
    static PyObject *names[5];
    static const char *const texts[] = {"stream", "type", "salt", "request_digest", "body"};
    for (int i = 0; i < 5; i++)
        if (names[i] == NULL && (names[i] = PyUnicode_InternFromString(texts[i])) == NULL) return NULL;
    return names;
}

/* Write the salt, the request digest (zeros for none) and the body of a row, and zeros up to a multiple of `step`. */
static int put_secret(Buffer *b, PyObject *const *columns, Py_ssize_t step) {
    static const char nothing[32];
    Py_ssize_t from = b->size;
    for (int i = 2; i < 5; i++) {
        if (i == 3 && columns[i] == Py_None) {
            if (put(b, nothing, sizeof nothing)) return -1;
        } else if (!PyBytes_Check(columns[i])) {
            PyErr_SetString(PyExc_TypeError, "secrets(): a column that is no bytes");
            return -1;
        } else if (put(b, PyBytes_AS_STRING(columns[i]), PyBytes_GET_SIZE(columns[i]))) return -1;
    }
    Py_ssize_t more = (step - (b->size - from) % step) % step;
    char *at = grow(b, more);
    if (at == NULL) return -1;
    memset(at, 0, more);
    return 0;
}

PyDoc_STRVAR(secrets_doc, "secrets(rows, prefix, public, step) -> (what is to be hidden of all rows, length of each): salt, request digest "
                          "and body with zeros up to `step`; nothing of rows of other streams than `prefix` and of `public` types");

static PyObject *secrets(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    Py_ssize_t step = count == 4 ? PyLong_AsSsize_t(given[3]) : 0;
    if (step <= 0 || !PyList_Check(given[0]) || !PyUnicode_Check(given[1])) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "secrets() takes a list, a prefix, a set and a step");
        return NULL;
    }
    PyObject *const *names = row_names();
    Py_ssize_t rows = PyList_GET_SIZE(given[0]);
    PyObject *lengths = names == NULL ? NULL : PyList_New(rows), *made = NULL;
    if (lengths == NULL) return NULL;
    Buffer b;
    start(&b);
    int done = 0;
    for (Py_ssize_t row = 0; !done && row < rows; row++) {
        PyObject *object = PyList_GET_ITEM(given[0], row), *columns[5] = {NULL};
        for (int i = 0; !done && i < 5; i++) {
            columns[i] = attribute(object, slot_of(Py_TYPE(object), names[i]), names[i]);
            if (columns[i] == NULL) done = -1;
        }
        Py_ssize_t from = b.size, kept = done ? -1 : PyUnicode_Tailmatch(columns[0], given[1], 0, PY_SSIZE_T_MAX, -1);
        int public = kept == 1 ? PySet_Contains(given[2], columns[1]) : 0;
        if (kept < 0 || public < 0) done = -1;
        else if (kept && !public) done = put_secret(&b, columns, step);
        for (int i = 0; i < 5; i++) Py_XDECREF(columns[i]);
        PyObject *length = done ? NULL : PyLong_FromSsize_t(b.size - from);
        if (length == NULL) done = -1;
        else PyList_SET_ITEM(lengths, row, length);
    }
    if (!done) made = Py_BuildValue("(y#O)", b.bytes, b.size, lengths);
    finish(&b);
    Py_DECREF(lengths);
    return made;
}

/* What stands in the rows instead of the secrets: `lengths` of `ciphered` for each row, under a head and the number of its block. */
typedef struct {
    PyObject *lengths;
    const char *head, *ciphered;
    Py_ssize_t head_size, ciphered_size, at;
    unsigned long long block;
    int body, salt, digest; /* places of these columns */
} Cover;

/* Return 1 if the column is a secret of the row and was put, 0 if it lies in clear, -1 for an error. */
static int put_covered(Buffer *b, Cover *cover, Py_ssize_t size, int column) {
    static const char nothing[36] = {0, 0, 0, 32};
    if (column == cover->salt) return put(b, nothing, sizeof nothing) ? -1 : 1;
    if (column == cover->digest) return PUT(b, "\377\377\377\377") ? -1 : 1;
    if (column != cover->body) return 0;
    char *at = grow(b, 4 + cover->head_size + 4 + size);
    if (at == NULL) return -1;
    big_endian(at, (uint64_t)(cover->head_size + 4 + size), 4);
    memcpy(at + 4, cover->head, cover->head_size);
    big_endian(at + 4 + cover->head_size, cover->block + (unsigned long long)cover->at / 16, 4);
    memcpy(at + 8 + cover->head_size, cover->ciphered + cover->at, size);
    cover->at += size;
    return 1;
}

static int read_cover(Cover *cover, PyObject *const *given, PyObject *names, Py_ssize_t rows) {
    char *head, *ciphered;
    if (!PyList_Check(given[0]) || PyList_GET_SIZE(given[0]) != rows || PyBytes_AsStringAndSize(given[1], &head, &cover->head_size) ||
        PyBytes_AsStringAndSize(given[3], &ciphered, &cover->ciphered_size)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "copy_hidden_rows(): no length for each row");
        return -1;
    }
    *cover = (Cover){given[0], head, ciphered, cover->head_size, cover->ciphered_size, 0, PyLong_AsUnsignedLongLong(given[2]), -1, -1, -1};
    if (PyErr_Occurred()) return -1;
    for (int i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_CompareWithASCIIString(name, "body")) cover->body = i;
        if (!PyUnicode_CompareWithASCIIString(name, "salt")) cover->salt = i;
        if (!PyUnicode_CompareWithASCIIString(name, "request_digest")) cover->digest = i;
    }
    return 0;
}

/* Lay out the COPY of rows; `cover` hides what it has a length for, NULL hides nothing. */
static PyObject *lay_rows(PyObject *rows, PyObject *names, PyObject *kinds, Cover *cover) {
    PyObject *made = NULL;
    Py_ssize_t width = PyTuple_GET_SIZE(names);
    Buffer b;
    start(&b);
    int done = put(&b, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (Py_ssize_t row = 0; !done && row < PyList_GET_SIZE(rows); row++) {
        PyObject *object = PyList_GET_ITEM(rows, row);
        Py_ssize_t size = cover != NULL ? PyLong_AsSsize_t(PyList_GET_ITEM(cover->lengths, row)) : 0;
        char *at = grow(&b, 2);
        if (at == NULL || size < 0 || (size && cover->at + size > cover->ciphered_size)) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "copy_hidden_rows(): less is ciphered than the rows need");
            done = -1;
            break;
        }
        big_endian(at, (uint64_t)width, 2);
        for (Py_ssize_t i = 0; !done && i < width; i++) {
            int covered = size ? put_covered(&b, cover, size, (int)i) : 0;
            if (covered) {
                done = covered < 0 ? -1 : 0;
                continue;
            }
            PyObject *name = PyTuple_GET_ITEM(names, i), *value = attribute(object, slot_of(Py_TYPE(object), name), name);
            done = value == NULL ? -1 : put_cell(&b, value, PyUnicode_READ_CHAR(kinds, i));
            Py_XDECREF(value);
        }
    }
    if (!done) done = PUT(&b, "\377\377");
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    return made;
}

static int are_columns(PyObject *const *given) {
    if (PyList_Check(given[0]) && PyTuple_Check(given[1]) && PyUnicode_Check(given[2]) &&
        PyUnicode_GET_LENGTH(given[2]) == PyTuple_GET_SIZE(given[1]))
        return 1;
    PyErr_SetString(PyExc_TypeError, "rows are laid out from a list, a tuple of names and a kind for each name");
    return 0;
}

PyDoc_STRVAR(copy_rows_doc, "copy_rows(rows, names, kinds) -> a whole binary COPY; kinds: h smallint, q bigint, t text, b bytea");

static PyObject *copy_rows(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "copy_rows(rows, names, kinds)");
        return NULL;
    }
    return are_columns(given) ? lay_rows(given[0], given[1], given[2], NULL) : NULL;
}

PyDoc_STRVAR(copy_hidden_rows_doc, "copy_hidden_rows(rows, names, kinds, lengths, head, block, ciphered) -> a whole binary COPY in which a row "
                                   "with a length has so much of what is ciphered as its body, no salt and no request digest");

static PyObject *copy_hidden_rows(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    Cover cover;
    if (count != 7) {
        PyErr_SetString(PyExc_TypeError, "copy_hidden_rows(rows, names, kinds, lengths, head, block, ciphered)");
        return NULL;
    }
    if (!are_columns(given) || read_cover(&cover, given + 3, given[1], PyList_GET_SIZE(given[0]))) return NULL;
    return lay_rows(given[0], given[1], given[2], &cover);
}

static int nibble(unsigned char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Read the 36 characters of a UUID in lower case; 0 if they are none. */
static int parse_id(const unsigned char *at, unsigned char *raw) {
    for (int i = 0; i < 16; i++, at += 2) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-') return 0;
        int high = nibble(at[0]), low = nibble(at[1]);
        if (high < 0 || low < 0) return 0;
        raw[i] = (unsigned char)(high << 4 | low);
    }
    return 1;
}

PyDoc_STRVAR(read_id_doc, "read_id(text) -> the 16 bytes of a UUID in its one lower-case form, None for anything else");

static PyObject *read_id(PyObject *self, PyObject *text) {
    unsigned char raw[16];
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "read_id() takes text");
        return NULL;
    }
    if (!PyUnicode_IS_ASCII(text) || PyUnicode_GET_LENGTH(text) != 36) Py_RETURN_NONE;
    if (!parse_id((const unsigned char *)PyUnicode_1BYTE_DATA(text), raw)) Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)raw, 16);
}

PyDoc_STRVAR(id_text_doc, "id_text(command_id) -> 16 bytes as a UUID");

static PyObject *id_text(PyObject *self, PyObject *id) {
    static const char digits[] = "0123456789abcdef";
    if (!PyBytes_Check(id) || PyBytes_GET_SIZE(id) != 16) {
        PyErr_SetString(PyExc_TypeError, "id_text() takes 16 bytes");
        return NULL;
    }
    PyObject *text = PyUnicode_New(36, 127);
    if (text == NULL) return NULL;
    const unsigned char *from = (const unsigned char *)PyBytes_AS_STRING(id);
    Py_UCS1 *at = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = (Py_UCS1)digits[from[i] >> 4];
        *at++ = (Py_UCS1)digits[from[i] & 15];
    }
    return text;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Step over `text` at *at; 0 if something else stands there. */
static int skip(const char **at, const char *end, const char *text, Py_ssize_t size) {
    if (end - *at < size || memcmp(*at, text, size)) return 0;
    *at += size;
    return 1;
}

#define SKIP(at, end, text) skip(at, end, text, sizeof(text) - 1)

/* Step over the name of a lot: [a-z0-9][a-z0-9-]{0,39}(\.[0-9]{1,4})? and a closing quote; return where it ends, or NULL. */
static const char *skip_lot(const char **at, const char *end) {
    const char *from = *at, *to = from;
    while (to < end && (is_digit(*to) || (*to >= 'a' && *to <= 'z') || (*to == '-' && to > from))) to++;
    if (to == from || to - from > 40) return NULL;
    if (to < end && *to == '.') {
        const char *dot = to++;
        while (to < end && is_digit(*to)) to++;
        if (to - dot < 2 || to - dot > 5) return NULL;
    }
    if (to == end || *to != '"') return NULL;
    *at = to + 1;
    return to;
}

/* Read null, or digits in quotes that fit 64 bits: a new reference, or NULL (with an exception only if memory is out). */
static PyObject *read_digits(const char **at, const char *end) {
    if (SKIP(at, end, "null")) Py_RETURN_NONE;
    if (!SKIP(at, end, "\"")) return NULL;
    const char *from = *at, *to = from;
    long long value = 0;
    for (; to < end && is_digit(*to) && to - from <= 18; to++) value = 10 * value + (*to - '0');
    if (to == from || to - from > 18 || (*from == '0' && to - from > 1) || to == end || *to != '"') return NULL;
    *at = to + 1;
    return PyLong_FromLongLong(value);
}

PyDoc_STRVAR(read_bid_doc, "read_bid(payload) -> (command id, lot, amount, maximum, confirmed), None for a frame in any other form");

static PyObject *read_bid(PyObject *self, PyObject *payload) {
    if (!PyBytes_Check(payload)) {
        PyErr_SetString(PyExc_TypeError, "read_bid() takes bytes");
        return NULL;
    }
    const char *at = PyBytes_AS_STRING(payload), *end = at + PyBytes_GET_SIZE(payload), *lot, *lot_end;
    PyObject *amount = NULL, *maximum = NULL, *confirmed = Py_False, *read = NULL;
    unsigned char id[16];
    if (!SKIP(&at, end, "{\"t\":\"bid\",\"id\":\"") || end - at < 37 || !parse_id((const unsigned char *)at, id)) Py_RETURN_NONE;
    at += 36;
    if (!SKIP(&at, end, "\",\"lot\":\"")) Py_RETURN_NONE;
    lot = at;
    if ((lot_end = skip_lot(&at, end)) == NULL) Py_RETURN_NONE;
    if (!SKIP(&at, end, ",\"amount\":")) amount = Py_NewRef(Py_None);
    else if ((amount = read_digits(&at, end)) == NULL) goto other;
    if (!SKIP(&at, end, ",\"maximum\":")) maximum = Py_NewRef(Py_None);
    else if ((maximum = read_digits(&at, end)) == NULL) goto other;
    if (SKIP(&at, end, ",\"confirm\":true")) confirmed = Py_True;
    else SKIP(&at, end, ",\"confirm\":false");
    if (end - at != 1 || *at != '}') goto other;
    read = Py_BuildValue("(y#s#OOO)", id, (Py_ssize_t)16, lot, (Py_ssize_t)(lot_end - lot), amount, maximum, confirmed);
other:
    Py_XDECREF(amount);
    Py_XDECREF(maximum);
    if (read == NULL && !PyErr_Occurred()) Py_RETURN_NONE;
    return read;
}

PyDoc_STRVAR(accepted_frame_doc, "accepted_frame(command_id, lot, seq, at_us, digest, price, leading, maximum, closes_at_us, extended) -> "
                                 "the frame that tells a bidder of his bid");

static PyObject *accepted_frame(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 10 || !PyUnicode_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "accepted_frame() takes ten values, of which the second is a lot");
        return NULL;
    }
    PyObject *id = id_text(self, given[0]), *made = NULL;
    if (id == NULL) return NULL;
    Buffer b;
    start(&b);
    int done = 0;
#define FIELD(key, write) \
    if (!done) done = PUT(&b, key); \
    if (!done) done = write;
    FIELD("{\"t\":\"accepted\",\"id\":", put_text(&b, id))
    FIELD(",\"lot\":", put_text(&b, given[1]))
    FIELD(",\"seq\":", put_plain(&b, given[2]))
    FIELD(",\"at_us\":", put_plain(&b, given[3]))
    FIELD(",\"digest\":", put_hex(&b, given[4]))
    FIELD(",\"price\":", put_field(&b, given[5], 'a'))
    FIELD(",\"leading\":", put_plain(&b, given[6]))
    FIELD(",\"maximum\":", put_field(&b, given[7], 'a'))
    FIELD(",\"closes_at_us\":", put_plain(&b, given[8]))
    FIELD(",\"extended\":", put_plain(&b, given[9]))
#undef FIELD
    if (!done) done = PUT(&b, "}");
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    Py_DECREF(id);
    return done == 1 ? by_reference("accepted_frame", given, count) : made;
}

static PyMethodDef methods[] = {
    {"accepted_frame", (PyCFunction)(void (*)(void))accepted_frame, METH_FASTCALL, accepted_frame_doc},
    {"flat_object", (PyCFunction)(void (*)(void))flat_object, METH_FASTCALL, flat_object_doc},
    {"content_bytes", (PyCFunction)(void (*)(void))content_bytes, METH_FASTCALL, content_bytes_doc},
    {"seal", (PyCFunction)(void (*)(void))seal, METH_FASTCALL, seal_doc},
    {"sha256_of", (PyCFunction)(void (*)(void))sha256_of, METH_FASTCALL, sha256_of_doc},
    {"secrets", (PyCFunction)(void (*)(void))secrets, METH_FASTCALL, secrets_doc},
    {"copy_hidden_rows", (PyCFunction)(void (*)(void))copy_hidden_rows, METH_FASTCALL, copy_hidden_rows_doc},
    {"copy_rows", (PyCFunction)(void (*)(void))copy_rows, METH_FASTCALL, copy_rows_doc},
    {"read_bid", read_bid, METH_O, read_bid_doc},
    {"read_id", read_id, METH_O, read_id_doc},
    {"id_text", id_text, METH_O, id_text_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)find_sha256}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "compiled", "Bytes of the hot way, laid out in C; see reference.py.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_compiled(void) { return PyModuleDef_Init(&definition); }
