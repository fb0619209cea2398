/* Rows of a COPY, and what is hidden in them. Of compiled.c alone. */
#pragma once
#include "buffer.h"

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

static PyObject *row_names[5];
static const char *const row_texts[] = {"stream", "type", "salt", "request_digest", "body"};

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
    static Places known;
    Py_ssize_t rows = PyList_GET_SIZE(given[0]);
    PyObject *lengths = intern_all(row_names, row_texts, 5) ? NULL : PyList_New(rows), *made = NULL;
    if (lengths == NULL) return NULL;
    Buffer b;
    start(&b);
    int done = 0;
    for (Py_ssize_t row = 0; !done && row < rows; row++) {
        PyObject *object = PyList_GET_ITEM(given[0], row), *columns[5] = {NULL};
        const Py_ssize_t *slots = places_of(&known, object, row_names, 5);
        for (int i = 0; !done && i < 5; i++) {
            columns[i] = attribute(object, slots[i], row_names[i]);
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
    PyObject *made = NULL, *const *each = ((PyTupleObject *)names)->ob_item;
    Py_ssize_t width = PyTuple_GET_SIZE(names);
    Places known = {NULL};
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
        const Py_ssize_t *slots = places_of(&known, object, each, width);
        for (Py_ssize_t i = 0; !done && i < width; i++) {
            int covered = size ? put_covered(&b, cover, size, (int)i) : 0;
            if (covered) {
                done = covered < 0 ? -1 : 0;
                continue;
            }
            PyObject *value = attribute(object, slots[i], each[i]);
            done = value == NULL ? -1 : put_cell(&b, value, PyUnicode_READ_CHAR(kinds, i));
            Py_XDECREF(value);
        }
    }
    if (!done) done = PUT(&b, "\377\377");
    made = taken(&b, done);
    Py_XDECREF(known.type);
    return made;
}

static int are_columns(PyObject *const *given) {
    if (PyList_Check(given[0]) && PyTuple_Check(given[1]) && PyUnicode_Check(given[2]) &&
        PyUnicode_GET_LENGTH(given[2]) == PyTuple_GET_SIZE(given[1]) && PyTuple_GET_SIZE(given[1]) <= 20)
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
