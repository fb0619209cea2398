/* What the digests cover, the digests themselves, and a row sealed with them. Of compiled.c alone. */
#pragma once
#include "flat.h"

#include <dlfcn.h>

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

static PyObject *sha256(const char *bytes, Py_ssize_t size) {
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

/* End with the digest of what was laid out; NULL if it was not `done`. */
static PyObject *hashed(Buffer *b, int done) {
    PyObject *digest = done ? NULL : sha256(b->bytes, b->size);
    finish(b);
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
    digest = hashed(&b, done);
    return digest;
}

PyDoc_STRVAR(content_bytes_doc, "content_bytes(tag, salt, body, shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, "
                                "command_id, request_digest, actor) -> what the content digest covers");

/* `given` as content_bytes() takes it. */
static int put_content(Buffer *b, PyObject *const *given) {
    if (!PyBytes_Check(given[0]) || !PyBytes_Check(given[1]) || !PyBytes_Check(given[2]) || !PyUnicode_Check(given[6]) ||
        !PyUnicode_Check(given[8]) || !PyUnicode_Check(given[14])) {
        PyErr_SetString(PyExc_TypeError, "a content has a tag, a salt, a body and the twelve columns of a header");
        return -1;
    }
    int done = put(b, PyBytes_AS_STRING(given[0]), PyBytes_GET_SIZE(given[0]));
    if (!done) done = put(b, PyBytes_AS_STRING(given[1]), PyBytes_GET_SIZE(given[1]));
    Py_ssize_t length_at = b->size;
    if (!done) done = PUT(b, "\0\0\0\0");
#define FIELD(key, write) \
    if (!done) done = PUT(b, key); \
    if (!done) done = write;
    FIELD("{\"actor\":", put_text(b, given[14]))
    FIELD(",\"arrived_at_us\":", put_plain(b, given[11]))
    FIELD(",\"at_us\":", put_digits(b, given[10]))
    FIELD(",\"command_id\":", put_hex(b, given[12]))
    FIELD(",\"epoch\":", put_digits(b, given[5]))
    FIELD(",\"request_digest\":", put_hex(b, given[13]))
    FIELD(",\"seq\":", put_digits(b, given[4]))
    FIELD(",\"shard\":", put_digits(b, given[3]))
    FIELD(",\"stream\":", put_text(b, given[6]))
    FIELD(",\"stream_seq\":", put_digits(b, given[7]))
    FIELD(",\"type\":", put_text(b, given[8]))
    FIELD(",\"version\":", put_digits(b, given[9]))
#undef FIELD
    if (!done) done = PUT(b, "}");
    if (done) return done;
    big_endian(b->bytes + length_at, (uint64_t)(b->size - length_at - 4), 4);
    return put(b, PyBytes_AS_STRING(given[2]), PyBytes_GET_SIZE(given[2]));
}

static PyObject *content_bytes(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 15) {
        PyErr_SetString(PyExc_TypeError, "content_bytes() takes fifteen values");
        return NULL;
    }
    PyObject *made = NULL;
    Buffer b;
    start(&b);
    int done = put_content(&b, given);
    made = taken(&b, done);
    return done == 1 ? by_reference("content_bytes", given, count) : made;
}

PyDoc_STRVAR(flat_digest_doc, "flat_digest(tag, plan, otherwise, value) -> SHA-256 of a tag and of flat_object(plan, otherwise, value)");

static PyObject *flat_digest(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 4 || !PyBytes_Check(given[0])) {
        PyErr_SetString(PyExc_TypeError, "flat_digest(tag, plan, otherwise, value)");
        return NULL;
    }
    PyObject *digest = NULL;
    Buffer b;
    start(&b);
    int done = put(&b, PyBytes_AS_STRING(given[0]), PyBytes_GET_SIZE(given[0]));
    if (!done) done = put_flat(&b, given[1], given[3]);
    digest = hashed(&b, done);
    return done == 1 ? by_reference("flat_digest", given, count) : digest;
}

PyDoc_STRVAR(seal_doc, "seal(make, content_tag, chain_tag, shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, "
                       "command_id, request_digest, actor, body, salt, previous, entry_id) -> make(columns, content, digest, entry_id)");

/* Return the digest of what content_bytes() makes of `given`. */
static PyObject *content_digest(PyObject *const *given) {
    PyObject *digest = NULL;
    Buffer b;
    start(&b);
    int done = put_content(&b, given);
    digest = hashed(&b, done);
    if (done != 1) return digest;
    PyObject *covered = by_reference("content_bytes", given, 15);
    if (covered != NULL) digest = sha256(PyBytes_AS_STRING(covered), PyBytes_GET_SIZE(covered));
    Py_XDECREF(covered);
    return digest;
}

static PyObject *seal(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 19 || !PyBytes_Check(given[2]) || !PyBytes_Check(given[17])) {
        PyErr_SetString(PyExc_TypeError, "seal() takes a class, two tags, twelve columns, a body, a salt, a digest and an entry");
        return NULL;
    }
    PyObject *said[15] = {given[1], given[16], given[15]}, *fields[17], *record = NULL, *digest = NULL;
    memcpy(said + 3, given + 3, 12 * sizeof *given);
    PyObject *content = content_digest(said);
    if (content != NULL) {
        Buffer b;
        start(&b);
        int done = put(&b, PyBytes_AS_STRING(given[2]), PyBytes_GET_SIZE(given[2]));
        if (!done) done = put(&b, PyBytes_AS_STRING(given[17]), PyBytes_GET_SIZE(given[17]));
        if (!done) done = put(&b, PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content));
        digest = hashed(&b, done);
    }
    if (digest != NULL) {
        memcpy(fields, given + 3, 14 * sizeof *given);
        fields[14] = content;
        fields[15] = digest;
        fields[16] = given[18];
        record = PyObject_Vectorcall(given[0], fields, 17, NULL);
    }
    Py_XDECREF(content);
    Py_XDECREF(digest);
    return record;
}

PyDoc_STRVAR(seal_event_doc, "seal_event(make, content_tag, chain_tag, wire, event, live, cause, epoch, seq, stream_seq, at_us, salt) -> the row "
                             "of an event, sealed onto the chain of `live`");

enum { MAKE, CONTENT_TAG, CHAIN_TAG, WIRE, EVENT, LIVE, CAUSE, EPOCH, EVENT_SEQ, STREAM_SEQ, DECIDED_AT_US, SALT, OF_SEAL_EVENT };

/* The canonical body of an event: by its plan where it has one, else by the function that makes any. */
static PyObject *body_of(PyObject *wire, PyObject *event) {
    PyObject *planned[] = {PyTuple_GET_ITEM(wire, 2), PyTuple_GET_ITEM(wire, 3), event};
    return planned[0] == Py_None ? PyObject_CallOneArg(planned[1], event) : flat_object(NULL, planned, 3);
}

static PyObject *seal_event(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    static const char *const live_texts[] = {"shard", "stream", "chain"};
    static const char *const cause_texts[] = {"arrived_at_us", "command_id", "request_digest", "actor", "entry_id"};
    static PyObject *live_names[3], *cause_names[5], *engine;
    static Places lives, causes;
    if (engine == NULL && (engine = PyUnicode_InternFromString("engine")) == NULL) return NULL;
    if (count != OF_SEAL_EVENT || !PyTuple_Check(given[WIRE]) || PyTuple_GET_SIZE(given[WIRE]) != 4) {
        PyErr_SetString(PyExc_TypeError, "seal_event() takes twelve values, of which the fourth is a wire");
        return NULL;
    }
    if (intern_all(live_names, live_texts, 3) || intern_all(cause_names, cause_texts, 5)) return NULL;
    PyObject *body = body_of(given[WIRE], given[EVENT]), *record = NULL;
    if (body == NULL) return NULL;
    PyObject *live[3], *cause[5] = {Py_None, Py_None, Py_None, engine, Py_None};
    int strange = borrow(&lives, given[LIVE], live_names, live, 3);
    if (!strange && given[CAUSE] != Py_None) strange = borrow(&causes, given[CAUSE], cause_names, cause, 5);
    if (strange) {
        record = by_reference("seal_event", given, count);
    } else {
        PyObject *said[] = {
            given[MAKE], given[CONTENT_TAG], given[CHAIN_TAG], live[0], given[EVENT_SEQ], given[EPOCH], live[1], given[STREAM_SEQ],
            PyTuple_GET_ITEM(given[WIRE], 0), PyTuple_GET_ITEM(given[WIRE], 1), given[DECIDED_AT_US], cause[0], cause[1], cause[2],
            cause[3], body, given[SALT], live[2], cause[4],
        };
        record = seal(self, said, 19);
    }
    Py_DECREF(body);
    return record;
}
